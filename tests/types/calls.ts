// Calls that a page may make, and calls that it may not: the compiler must take the first and refuse the others.

const url = 'https://offer.example/';

// --- trigger ---
const clickId: string | undefined = tagwerk('trigger', 'AddToCart');
tagwerk('trigger', 'Purchase', { value: 9.9, currency: 'EUR', transactionId: 'A-7', email: 'a@b.example', items: [{ id: 1 }], label: 'Buy' });
tagwerk('trigger', 'Purchase', { value: '9.90', transactionId: 7, email: null, plan: 'gold', trial: true });
window.tagwerk('trigger', 'Lead');
// @ts-expect-error: an event has a name
tagwerk('trigger');
// @ts-expect-error: a name is a text
tagwerk('trigger', 7);
// @ts-expect-error: a value is a number or a decimal text
tagwerk('trigger', 'Purchase', { value: { amount: 9.9 } });
// @ts-expect-error: an address is a text
tagwerk('trigger', 'Lead', { email: 7 });
// @ts-expect-error: items are a list
tagwerk('trigger', 'AddToCart', { items: 'book' });
// @ts-expect-error: the stub knows no id
const certain: string = tagwerk('trigger', 'AddToCart');

// --- decorate ---
window.open(tagwerk('decorate', url) ?? url);
tagwerk('decorate', new URL(url));
// @ts-expect-error: an element is no URL
tagwerk('decorate', document.createElement('a'));

// --- consent ---
tagwerk('consent', 'granted');
tagwerk('consent', 'denied');
// @ts-expect-error: there are two answers
tagwerk('consent', 'yes');
// @ts-expect-error: an answer is needed
tagwerk('consent');

// --- ready and inspect ---
async function look(): Promise<string | undefined> {
  const mode: 'wasm' | 'shim' | undefined = await tagwerk('ready');
  const report = await tagwerk('inspect');
  if (!report?.links) return report?.record ?? mode;
  const left: tagwerk.Link[] = report.links.filter((link) => link.verdict === 'left');
  const waiting: tagwerk.Event | undefined = report.events.find((event) => event.state === 'waiting');
  // @ts-expect-error: no such verdict
  report.links.filter((link) => link.verdict === 'ignored');
  // @ts-expect-error: a group may be absent
  report.links.map((link) => link.group.length);
  // @ts-expect-error: no such key
  report.sources;
  return left[0]?.reason ?? waiting?.name ?? report.source.utm['utm_source'] ?? report.visit_id ?? clickId ?? certain;
}
look().then(console.log);

// --- the stub, and what is none of it ---
const queued: tagwerk.Command[] = [['trigger', 'Lead', { value: 1 }], ['consent', 'granted'], ['decorate', url], ['inspect'], ['ready']];
window.tagwerk.q = queued;
// @ts-expect-error: no such command
tagwerk('dance');
// @ts-expect-error: no such command
const wrong: tagwerk.Command = ['dance'];
console.log(wrong);

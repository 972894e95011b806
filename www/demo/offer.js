// Calls the postback URL as the network would, and shows the call and its answer.
const sale = document.getElementById('sale');
const answers = document.getElementById('answers');
const again = document.getElementById('again');
const said = document.getElementById('said');
const parameters = sale.dataset.parameters;
let last;

const random = (length) => Array.from(crypto.getRandomValues(new Uint8Array(length)), (n) => 'abcdefghjkmnpqrstuvwxyz23456789'[n % 31]).join('');

/** The URL of a sale's postback, with what the button changes and what is new each time. */
function url(changes) {
  const query = new URLSearchParams(parameters);
  const set = (name, value) => { if (query.has(name)) query.set(name, value); };
  for (const [name, value] of new URLSearchParams(changes)) set(name, value);
  set(sale.dataset.transactionId, random(8).toUpperCase());
  set(sale.dataset.unixTime, Math.floor(Date.now() / 1000));
  set(sale.dataset.volatile, random(32));
  return new URL(`${sale.dataset.collect}?${query}`, location.href).href;
}

/** Text of the answer, and whether it was a good one. */
async function call(target) {
  const start = performance.now();
  try {
    const answer = await fetch(target, { cache: 'no-store' });
    const text = (await answer.text()).trim();
    const time = Math.max(1, Math.round(performance.now() - start));
    return { good: answer.ok, text: `${answer.status} ${text}`, time: `after ${time} ms` };
  } catch {
    return { good: false, text: 'No answer', time: 'the server cannot be reached' };
  }
}

function show(what, target, answer) {
  const entry = document.createElement('li');
  entry.classList.toggle('bad', !answer.good);
  const head = document.createElement('p');
  const word = document.createElement('span');
  word.className = 'answer';
  word.textContent = `${what}: ${answer.text}`;
  const time = document.createElement('span');
  time.className = 'small';
  time.textContent = ` ${answer.time}`;
  head.append(word, time);
  const request = document.createElement('pre');
  request.textContent = `GET ${target}`;
  entry.append(head, request);
  answers.prepend(entry);
  answers.parentElement.hidden = false;
  said.textContent = `${what}: ${answer.text}`;
}

for (const button of document.querySelectorAll('[data-changes], #again')) {
  button.addEventListener('click', async () => {
    const target = button === again ? last : url(button.dataset.changes);
    const answer = await call(target);
    last = target;
    again.disabled = false;
    show(button.querySelector('b').textContent, target, answer);
  });
}

// The tag on pages that make it hard: it is never in the way, and it works where it can, in both modes where the mode matters.
import assert from 'node:assert/strict';
import { MODES, isClickId, taken } from './shop.mjs';
import { inModes, suite } from './suite.mjs';

const THROWING = (owner, name) => `Object.defineProperty(${owner}, '${name}', { configurable: true, get() { throw new DOMException('not here', 'SecurityError') }, set() { throw new DOMException('not here', 'SecurityError') } });`;
const BESIDE = (shop) => shop.link.replace('<a', '<a target="_blank"');
const NO_PRERENDERING = { firefox: 'no page is rendered ahead there (speculation rules): https://bugzilla.mozilla.org/show_bug.cgi?id=1969396', webkit: 'no page is rendered ahead there (speculation rules): https://bugs.webkit.org/show_bug.cgi?id=295193' };

/** A click on the offer of a page that stays, and what the server has of it: the click id. */
async function clicked(shop) {
  const before = shop.opened().length;
  const [shown] = await shop.driver.getAllWindowHandles();
  await shop.click();
  const { url } = (await shop.destinations(before + 1))[before];
  await shop.driver.switchTo().window(shown);
  const [rest, id] = taken(url);
  assert.equal(rest, shop.offer.split('#')[0]);
  assert.ok(isClickId(id), `${url} carries a click id`);
  return id;
}

/** The page works as any other: a click is decorated and counted once, and one page view is told. */
async function works(shop) {
  const id = await clicked(shop);
  await shop.told('OutboundClick', 1);
  await shop.settled();
  await shop.counted([id]);
  assert.equal((await shop.events('PageView')).length, 1);
}

/** A row whose page is only asked to work. */
const working = ({ options = () => ({}), body = BESIDE, ...row }) => ({
  ...row,
  async run(shop) {
    shop.works = row.works;
    await shop.visit(body(shop), options(shop));
    await works(shop);
  },
});

/** Navigation, in milliseconds from the click to the destination's request. */
async function leaves(shop) {
  const began = Date.now();
  await shop.click();
  await shop.destinations(1);
  return Date.now() - began;
}

const NEVER_IN_THE_WAY = [
  {
    name: 'a collector that hangs is not waited for, and what it was told counts once',
    async run(shop) {
      const { world } = shop;
      shop.put(shop.url, shop.link, { head: '' });
      await shop.driver.get(shop.url);
      const without = await leaves(shop);
      await shop.until('the page has gone', async () => !(await shop.driver.getCurrentUrl()).includes(shop.host));
      await shop.visit(shop.link);
      await shop.told('PageView', 1);
      world.now.events = 'hang';
      const from = world.log.length;
      const began = Date.now();
      await shop.click();
      await shop.destinations(2);
      console.log(`to the destination while the collector hangs: ${Date.now() - began} ms, without a tag: ${without} ms`);
      assert.ok(!world.log.slice(from).some(({ what }) => what === 'event answered'), 'the offer was opened before the collector had answered');
      await shop.until('the page has gone', async () => !(await shop.driver.getCurrentUrl()).includes(shop.host));
      world.release();
      await shop.visit(shop.link);
      await shop.settled();
      await shop.counted([taken(shop.opened()[1].url)[1]]);
    },
  },
  {
    name: 'a collector that is down is not waited for, and the next page delivers',
    async run(shop) {
      const { world } = shop;
      world.now.events = 'down';
      await shop.visit(shop.link);
      await leaves(shop);
      await shop.until('the page has gone', async () => !(await shop.driver.getCurrentUrl()).includes(shop.host));
      world.now.events = 'forward';
      await shop.visit(shop.link);
      await shop.settled();
      await shop.counted([taken(shop.opened()[0].url)[1]]);
      assert.equal((await shop.events('PageView')).length, 2);
    },
  },
  {
    name: 'the listeners of the tag: none for unload, none that could prevent anything',
    init: `window.heard = []; { const add = EventTarget.prototype.addEventListener;
      EventTarget.prototype.addEventListener = function (type, listener, options) { heard.push(type); return add.call(this, type, listener, options) };
      const prevent = Event.prototype.preventDefault; Event.prototype.preventDefault = function () { heard.push('preventDefault'); return prevent.call(this) } }`,
    async run(shop) {
      await shop.visit(BESIDE(shop));
      await works(shop);
      const heard = await shop.run('return heard');
      assert.ok(heard.includes('click'), 'what is watched is what the tag uses');
      for (const type of ['unload', 'beforeunload', 'touchstart', 'wheel', 'preventDefault']) assert.ok(!heard.includes(type), type);
    },
  },
  {
    name: 'a page that comes back from the page cache counts again, under another id',
    async run(shop) {
      // Firefox does not keep a page whose requests are still under way.
      const answered = async () => shop.world.log.some(({ what, about }) => what === 'event answered' && about.name === 'OutboundClick' && about.page === shop.url);
      shop.world.now.arrives = () => shop.world.until('the answer to the click', answered);
      await shop.visit(shop.link + '<script>addEventListener("pageshow", (event) => (window.kept = event.persisted))</script>');
      await shop.click();
      await shop.destinations(1);
      // Not by a script, with which Firefox's driver puts an unload listener into the page that leaves.
      await shop.until('the page has gone', async () => (await shop.driver.getCurrentUrl()) !== shop.url);
      await shop.until('the offer is there', () => shop.run("return document.title === 'elsewhere' && document.readyState === 'complete'"));
      await shop.until('the page is back', async () => {
        if ((await shop.driver.getCurrentUrl()) === shop.url) return true;
        await shop.driver.navigate().back();
      });
      await shop.until('it is the page that was left', () => shop.run('return !!window.kept'));
      await shop.click();
      await shop.destinations(2);
      await shop.back();
      await shop.settled();
      const ids = shop.opened().map(({ url }) => taken(url)[1]);
      assert.ok(ids.every(isClickId));
      assert.notEqual(ids[0], ids[1]);
      await shop.counted(ids);
      assert.equal((await shop.events('PageView')).length, 3, 'shown three times');
    },
  },
  {
    name: 'a page that is rendered ahead counts nothing until it is shown',
    differs: NO_PRERENDERING,
    async run(shop) {
      const next = `http://${shop.host}/next`;
      shop.put(next, BESIDE(shop) + "<script>window.ahead = document.prerendering; fetch('/rendered', { method: 'POST', body: ahead })</script>");
      const rendered = [];
      shop.world.pages.set(`http://${shop.host}/rendered`, ({ response, body }) => {
        rendered.push(body);
        response.end();
        shop.world.note('rendered', body);
      });
      await shop.visit(`<a id="next" href="/next">on</a><script type="speculationrules">{"prerender":[{"urls":["/next"],"eagerness":"immediate"}]}</script>`);
      await shop.world.until('the page rendered ahead', async () => rendered.length);
      assert.deepEqual(rendered, ['true']);
      await shop.settled();
      assert.equal((await shop.events('PageView')).length, 1, 'the page that is shown');
      await shop.click('#next');
      await shop.until('the next page', async () => (await shop.driver.getCurrentUrl()) === next);
      assert.equal(await shop.run('return window.ahead'), true, 'it is the one that was rendered ahead');
      await shop.working();
      await shop.settled();
      assert.deepEqual((await shop.events('PageView')).map((event) => event.page), [shop.url, next]);
    },
  },
  {
    name: 'a page that says it is being rendered ahead is believed',
    init: "Object.defineProperty(document, 'prerendering', { configurable: true, get: () => true });",
    async run(shop) {
      await shop.visit(BESIDE(shop), { wait: false });
      await shop.loaded();
      assert.equal(await shop.run("return tagwerk('trigger', 'Ahead')"), null, 'it waits in the queue');
      assert.equal(await shop.run('return localStorage.length'), 0);
      await shop.run("delete document.prerendering; document.dispatchEvent(new Event('prerenderingchange'))");
      await shop.working();
      await works(shop);
      assert.equal((await shop.events('Ahead')).length, 1);
    },
  },
];

const INCLUDED = [
  working({ name: 'the script twice, and once more under another address, is one tag', options: (shop) => ({ head: `${shop.tag}${shop.tag}<script src="${shop.script}?again"></script>` }) }),
  working({ name: 'as a module', options: (shop) => ({ head: `<script type="module" src="${shop.script}"></script>` }) }),
  working({
    name: 'put there by a tag manager, which leaves no current script',
    options: (shop) => ({ head: `<script>document.head.appendChild(Object.assign(document.createElement('script'), { src: '${shop.script}', async: true }))</script>` }),
  }),
  working({
    name: 'put there and taken away again by a tag manager',
    options: (shop) => ({
      head: `<script>{ const script = Object.assign(document.createElement('script'), { src: '${shop.script}' }); document.head.append(script); script.onload = () => script.remove() }</script>`,
    }),
  }),
  working({
    name: 'with the stub before it, and what the stub has queued',
    options: (shop) => ({
      head: `<script>window.tagwerk = window.tagwerk || function () { (tagwerk.q = tagwerk.q || []).push(arguments) }; tagwerk('consent', 'granted')</script>${shop.tag}`,
    }),
  }),
];

const HOSTILE = [
  working({
    name: 'a policy without wasm-unsafe-eval leaves the shim at work',
    works: 'shim',
    options: () => ({ headers: { 'content-security-policy': "script-src 'unsafe-inline' http://t.example" } }),
  }),
  working({
    name: 'a policy that allows WebAssembly alone is enough',
    works: 'wasm',
    options: () => ({ headers: { 'content-security-policy': "script-src 'unsafe-inline' 'wasm-unsafe-eval' http://t.example; connect-src 'self' http://t.example" } }),
  }),
  ...[['a module that is not there', { wasm: 404 }], ['a module that is an HTML page', { wasm: 'html' }], ['glue that is not there', { js: 404 }], ['glue that is an HTML page', { js: 'html' }]].map(([name, missing]) => ({
    name: `${name} leaves the shim at work`,
    async run(shop) {
      shop.world.now.missing = missing;
      shop.works = 'shim';
      await shop.visit(BESIDE(shop));
      await works(shop);
      assert.equal((await shop.inspect()).mode, 'shim');
    },
  })),
  {
    name: 'inspect says that the shim works alone where there is no WebAssembly',
    mode: 'shim',
    async run(shop) {
      await shop.visit(BESIDE(shop));
      const { mode, problems } = await shop.inspect();
      assert.equal(mode, 'shim');
      assert.ok(Array.isArray(problems));
      await works(shop);
    },
  },
  {
    name: 'a policy that forbids to talk to the server: the link works and carries an id',
    async run(shop) {
      shop.works = 'shim';
      await shop.visit(BESIDE(shop), { headers: { 'content-security-policy': "connect-src 'self'" } });
      await clicked(shop);
      assert.deepEqual(await shop.events(), []);
    },
  },
  working({
    name: 'Trusted Types enforced',
    works: 'wasm',
    options: () => ({ headers: { 'content-security-policy': "require-trusted-types-for 'script'; trusted-types 'none'" } }),
  }),
];

/** Pages that have changed the platform under the tag; each in both modes. */
const CHANGED = [
  { name: 'storage that throws', init: THROWING('window', 'localStorage') },
  { name: 'storage that is not there', init: "Object.defineProperty(window, 'localStorage', { value: null });" },
  { name: 'storage that is full', init: "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') };" },
  { name: 'cookies that throw', init: THROWING('Document.prototype', 'cookie') },
  { name: 'storage and cookies that throw', init: THROWING('window', 'localStorage') + THROWING('Document.prototype', 'cookie') },
  { name: 'fetch that throws', init: "{ const real = window.fetch; window.fetch = (url, options) => { if (options) throw new Error('not here'); return real(url) } }", answered: false },
  { name: 'fetch that answers no promise', init: '{ const real = window.fetch; window.fetch = (url, options) => { const answer = real(url, options); if (!options) return answer } }', answered: false },
  { name: 'fetch that never answers', init: '{ const real = window.fetch; window.fetch = (url, options) => { const answer = real(url, options); return options ? new Promise(() => {}) : answer } }', answered: false },
  { name: 'fetch that throws whatever it is asked', init: "window.fetch = () => { throw new Error('not here') };", works: 'shim', answered: false },
  { name: 'history that throws', init: "for (const name of ['pushState', 'replaceState']) history[name] = () => { throw new Error('not here') };" },
  {
    name: 'addEventListener that the page wraps',
    init: `{ const add = EventTarget.prototype.addEventListener, remove = EventTarget.prototype.removeEventListener, wrapped = new WeakMap();
      EventTarget.prototype.addEventListener = function (type, listener, options) {
        if (!listener) return;
        const wrapper = function (event) { return listener.handleEvent ? listener.handleEvent(event) : listener.call(this, event) };
        wrapped.set(listener, wrapper);
        return add.call(this, type, wrapper, options);
      };
      EventTarget.prototype.removeEventListener = function (type, listener, options) { return remove.call(this, type, wrapped.get(listener) || listener, options) }; }`,
  },
  { name: 'prototypes that the page extends', init: "Object.prototype.extra = Array.prototype.more = function () { return 'extra' };" },
  { name: 'arrays that say how they are written', init: 'Array.prototype.toJSON = function () { return "text" };' },
  { name: 'a console that knows no debug', init: 'window.console = { log() {} };' },
  { name: 'timers and frames that the page wraps', init: "for (const name of ['setTimeout', 'requestAnimationFrame', 'requestIdleCallback']) { const real = window[name]; if (real) window[name] = function (step, ...more) { return real.call(window, function () { return step.apply(this, arguments) }, ...more) } }" },
  { name: 'an element named like what the tag uses', body: (shop) => `<form id="settings" name="location"><input name="href"></form><img name="cookie"><a id="tagwerk-outbox" name="links"></a>${BESIDE(shop)}` },
].map(({ answered, ...row }) => ({
  ...working(row),
  async run(shop) {
    shop.works = row.works && shop.mode === 'wasm' ? row.works : shop.mode;
    await shop.visit((row.body ?? BESIDE)(shop));
    const id = await clicked(shop);
    await shop.told('OutboundClick', 1);
    await shop.settled({ answered });
    await shop.counted([id]);
    assert.equal((await shop.events('PageView')).length, 1);
  },
}));

// Like the promocode script of a network: puts parameters of its own into every link to an offer, whatever else is in there, at
// any change and all the time.
const PROMOCODE = `<script>{
  window.rewrites = 0;
  const rewrite = () => {
    for (const link of document.querySelectorAll('a[href*="digistore24.com"]')) {
      const url = new URL(link.href);
      if (url.searchParams.get('aff') === 'partner' && url.searchParams.get('cam') === 'spring') continue;
      url.searchParams.set('aff', 'partner');
      url.searchParams.set('cam', 'spring');
      rewrites++;
      link.href = url.href;
    }
  };
  addEventListener('DOMContentLoaded', () => {
    rewrite();
    new MutationObserver(rewrite).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['href'] });
    setInterval(rewrite, 50);
  });
}</script>`;
// One that puts the address back that it knows, whatever was done to it.
const STUBBORN = `<script>
  window.rewrites = 0;
  addEventListener('DOMContentLoaded', () => {
    const link = document.querySelector('#offer');
    const { href } = link;
    new MutationObserver(() => { if (link.href !== href && rewrites++ < 1000) link.href = href }).observe(link, { attributes: true });
  });
</script>`;

const REWRITING = [
  {
    name: 'a script that rewrites links all the time',
    async run(shop) {
      const plain = `${shop.bare}?x=1`;
      await shop.visit(`<a id="offer" target="_blank" href="${plain}">Buy</a>`, { head: PROMOCODE + shop.tag });
      await shop.hover();
      const [shown] = await shop.driver.getAllWindowHandles();
      await shop.click();
      const [{ url }] = await shop.destinations(1);
      await shop.driver.switchTo().window(shown);
      const parameters = new URL(url).searchParams;
      assert.deepEqual([parameters.get('x'), parameters.get('aff'), parameters.get('cam')], ['1', 'partner', 'spring']);
      assert.ok(isClickId(parameters.get('cid')));
      await shop.settled();
      await shop.counted([parameters.get('cid')]);
      assert.ok((await shop.run('return rewrites')) < 5, 'they do not fight');
    },
  },
  {
    name: 'a script that puts the old address back',
    async run(shop) {
      await shop.visit(BESIDE(shop), { head: STUBBORN + shop.tag });
      await shop.hover();
      const [shown] = await shop.driver.getAllWindowHandles();
      await shop.click();
      await shop.destinations(1);
      await shop.driver.switchTo().window(shown);
      await shop.settled();
      assert.ok((await shop.run('return rewrites')) < 20, 'they do not fight');
      // What was opened and what was told agree: an address that lost its id is not told with one.
      const [, id] = taken(shop.opened()[0].url);
      if (id) await shop.counted([id]);
    },
  },
];

const SINGLE_PAGE = [
  {
    name: 'a single-page app: one view for each address, and the source stays',
    async run(shop) {
      const landing = `${shop.url}?utm_source=a&gclid=AbC`;
      await shop.visit(BESIDE(shop), { url: landing });
      const steps = [
        "history.pushState({}, '', '/one')",
        "history.pushState({ again: 1 }, '', '/one')",
        "history.replaceState({}, '', '/two')",
        "history.replaceState({ state: 'only' }, '')",
        "location.hash = 'three'",
        'history.back()',
      ];
      const pages = [landing, '/one', '/two', '/two#three', '/two'].map((page) => new URL(page, shop.url).href);
      const views = [0, 1, 1, 2, 2, 3, 4];
      for (const [index, step] of steps.entries()) {
        await shop.run(step);
        await shop.until('the address has changed', async () => (await shop.run('return location.href')) === pages[views[index + 1]]);
        await shop.told('PageView', views[index + 1] + 1);
      }
      const id = await clicked(shop);
      await shop.settled();
      assert.deepEqual((await shop.events('PageView')).map((event) => event.page), pages);
      const [click] = await shop.counted([id]);
      assert.equal(click.page, pages.at(-1));
      const visits = (await shop.server.list('visits', 300)).filter((visit) => visit.landing_page === landing);
      assert.equal(visits.length, 1, 'it is one visit');
      assert.deepEqual([visits[0].source.utm_source, visits[0].click_ids.gclid], ['a', 'AbC']);
      assert.ok((await shop.events()).every((event) => event.visit_id === visits[0].visit_id));
    },
  },
  {
    name: 'a single-page app that wraps history itself, before and after the tag',
    async run(shop) {
      const wrap = "{ const real = history.pushState; history.pushState = function () { return real.apply(history, arguments) } }";
      shop.init = wrap;
      await shop.visit(BESIDE(shop));
      await shop.run(wrap);
      await shop.run("history.pushState({}, '', '/one')");
      await shop.told('PageView', 2);
      await shop.settled();
      assert.deepEqual((await shop.events('PageView')).map((event) => event.page), [shop.url, `http://${shop.host}/one`]);
    },
  },
];

/** The tag's own site: its server may set a cookie there that no script's limit shortens. */
const REMEMBERED = {
  name: "where the browser has thrown the script's storage away, the server's cookie brings visit and visitor back",
  host: (number) => `shop${number}.t.example`,
  settings: (shop) => ({ origins: [`http://${shop.host}`] }),
  async run(shop) {
    const cookie = () => shop.run("return (/tagwerk=([^;]*)/.exec(document.cookie) || [])[1]");
    await shop.visit(BESIDE(shop), { url: `${shop.url}?utm_source=a` });
    await shop.until('the cookie', cookie);
    const { visit_id, visitor_id } = await shop.inspect();
    assert.ok(visitor_id);
    assert.ok((await cookie()).length <= 1800);
    await shop.run('localStorage.clear()');
    await shop.visit(BESIDE(shop));
    const again = await shop.inspect();
    assert.deepEqual([again.visit_id, again.visitor_id], [visit_id, visitor_id]);
    const id = await clicked(shop);
    await shop.settled();
    await shop.counted([id]);
    await shop.run("tagwerk('consent', 'denied')");
    assert.equal(await cookie(), null, 'it goes when consent goes');
  },
};

suite('page', [...inModes([...NEVER_IN_THE_WAY, ...INCLUDED, ...CHANGED, ...REWRITING], MODES), ...HOSTILE, ...SINGLE_PAGE, ...SINGLE_PAGE.map((row) => ({ ...row, mode: 'shim' })), REMEMBERED]);

// Good pages, of which the extension says nothing, and broken ones, of each of which it says what is broken and what mends it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startHelper } from './helper.mjs';
import { BODY, OFFER, settled, startPages } from './pages.mjs';

const POLICY = "default-src 'none'; script-src 'self' http://t.example 'wasm-unsafe-eval'; connect-src http://t.example; style-src 'none'; img-src 'none'";
const OTHER_SITE = 'AbCd12EfGh34';

/** Pages on which nothing is wrong. `make` opens one. */
const GOOD = [
  { name: 'the line in the head', make: (pages, open) => open({}) },
  { name: 'a policy as strict as can be', make: (pages, open) => open({ headers: { 'content-security-policy': POLICY } }) },
  {
    name: 'a policy with a nonce',
    make: (pages, open) => open({ head: pages.line.replace('<script', '<script nonce="n1"'), headers: { 'content-security-policy': "script-src 'nonce-n1' 'strict-dynamic' 'wasm-unsafe-eval'; connect-src http://t.example; require-trusted-types-for 'script'; trusted-types 'none'" } }),
  },
  { name: 'the line as a module', make: (pages, open) => open({ head: pages.line.replace('async', 'type="module"') }) },
  { name: 'the line deferred', make: (pages, open) => open({ head: pages.line.replace('async', 'defer') }) },
  {
    name: 'consent that was given',
    settings: { consent: { mode: 'required' } },
    make: (pages, open) => open({ head: `<script>window.tagwerk=window.tagwerk||function(){(tagwerk.q=tagwerk.q||[]).push(arguments)};tagwerk('consent','granted')</script>${pages.line}` }),
  },
  {
    name: 'a link in an open shadow root',
    make: (pages, open) => open({ body: `${BODY}<div id="host"></div><script>host.attachShadow({ mode: 'open' }).innerHTML = '<a href="${OFFER}">In the shadow</a>'</script>` }),
  },
  {
    name: 'a frame with a tag of its own',
    make(pages, open) {
      pages.world.pages.set('http://framed.example/in', { html: `<!doctype html><head>${pages.line}</head><body><a href="${OFFER}">Framed</a></body>` });
      return open({ body: `${BODY}<iframe src="http://framed.example/in"></iframe>` });
    },
  },
  {
    name: 'a tag manager that puts the line in',
    make: (pages, open) => open({ head: `<script>window.dataLayer=[{'gtm.start':1,event:'gtm.js','gtm.uniqueEventId':1}];document.head.append(Object.assign(document.createElement('script'),{src:'${pages.script}'}))</script>` }),
  },
  {
    name: 'a pixel that is fed',
    settings: { pixels: ['meta'] },
    init: () => (window.fbq = Object.assign(() => {}, { queue: [] })),
    make: (pages, open, row) => open({ init: row.init }),
  },
  { name: 'another script that does not load, and a policy that only reports', make: (pages, open) => open({ body: `${BODY}<script src="http://t.example/nothing.js"></script>`, headers: { 'content-security-policy-report-only': "script-src 'none'" } }) },
];

/** Pages on which one thing is wrong: `id` is what is told, `mend` a part of what to do about it. */
const BROKEN = [
  { id: 'no_tag', name: 'there is no tag', mend: /Copy the line/, make: (pages, open) => open({ head: '', tag: false }) },
  { id: 'twice', name: 'the line is there twice', mend: /Keep one line/, make: (pages, open) => open({ body: `${BODY}${pages.line}` }) },
  { id: 'two_sites', name: 'two sites\' lines are there', mend: /Remove the others/, make: (pages, open) => open({ body: `${BODY}${pages.line.replace(pages.site, OTHER_SITE)}` }) },
  { id: 'wrong_site', name: 'the line of another site', expect: (pages) => pages.line.replace(pages.site, OTHER_SITE), mend: new RegExp(`Expected is ${OTHER_SITE}`), make: (pages, open) => open({}) },
  { id: 'wrong_server', name: 'the line of another server', expect: (pages) => pages.line.replace('t.example', 'track.example'), mend: /Expected is http:\/\/track\.example/, make: (pages, open) => open({}) },
  {
    id: 'csp_script', name: 'the policy keeps the script out', mend: /script-src http:\/\/t\.example 'wasm-unsafe-eval'; connect-src http:\/\/t\.example/, tag: false,
    make: (pages, open) => open({ headers: { 'content-security-policy': "script-src 'self'" }, tag: false }),
  },
  {
    id: 'csp_script', name: 'the policy of a meta element keeps the script out', mend: /script-src http:\/\/t\.example/,
    make: (pages, open) => open({ head: `<meta http-equiv="Content-Security-Policy" content="script-src 'self'">${pages.line}`, tag: false }),
  },
  { id: 'csp_wasm', name: 'the policy forbids WebAssembly', mend: /Add 'wasm-unsafe-eval' to script-src/, make: (pages, open) => open({ headers: { 'content-security-policy': "script-src 'self' http://t.example" } }) },
  { id: 'csp_connect', name: 'the policy keeps events in', mend: /connect-src http:\/\/t\.example/, make: (pages, open) => open({ headers: { 'content-security-policy': "connect-src 'self'" } }) },
  { id: 'no_answer', name: 'an ad blocker keeps the script out', mend: /ad blocker/, make: (pages, open) => open({ route: (page) => page.route(pages.script, (on) => on.abort('blockedbyclient')), tag: false }) },
  {
    id: 'no_answer', name: 'the server is down', mend: /cannot be reached|server is down/,
    make: (pages, open) => open({ route: (page) => page.route(pages.script, (on) => on.abort('connectionrefused')), tag: false }),
  },
  { id: 'wrong_address', name: 'the server does not know the site', mend: /site's id is unknown/, make: (pages, open) => open({ head: pages.line.replace(pages.site, OTHER_SITE), tag: false }) },
  { id: 'integrity', name: 'the line is pinned to another script', mend: /Remove integrity/, make: (pages, open) => open({ head: pages.line.replace('<script', '<script crossorigin="anonymous" integrity="sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="'), tag: false }) },
  { id: 'mixed_content', name: 'the page is https and the line http', mend: /https address/, make: (pages, open) => open({ scheme: 'https', tag: false }) },
  { id: 'held_back', name: 'a consent banner holds the script back', mend: /Exclude the tag's script/, make: (pages, open) => open({ head: pages.line.replace('async', 'type="text/plain" data-category="marketing"'), tag: false }) },
  { id: 'held_back', name: 'a plugin delays the script', mend: /optimising plugin/, make: (pages, open) => open({ head: pages.line.replace(' src=', ' data-src='), tag: false }) },
  { id: 'wrong_type', name: 'the line has a type that is none', mend: /Remove type/, make: (pages, open) => open({ head: pages.line.replace('async', 'type="text/javascript; async"'), tag: false }) },
  { id: 'wrong_type', name: 'the line is for old browsers alone', mend: /Remove nomodule/, make: (pages, open) => open({ head: pages.line.replace('async', 'nomodule'), tag: false }) },
  { id: 'not_run', name: 'the line stands in noscript', mend: /Move the line/, make: (pages, open) => open({ head: `<noscript>${pages.line}</noscript>`, tag: false }) },
  { id: 'not_run', name: 'the line stands in a comment', mend: /Move the line/, make: (pages, open) => open({ head: `<!-- ${pages.line} -->`, tag: false }) },
  { id: 'stub_alone', name: 'the stub is there without the script', mend: /Calls wait/, make: (pages, open) => open({ head: '<script>window.tagwerk=function(){(tagwerk.q=tagwerk.q||[]).push(arguments)}</script>', tag: false }) },
  { id: 'manager_blocked', name: 'the tag manager is blocked', mend: /put the line into the page itself/, make: (pages, open) => open({ head: '<script>window.dataLayer=[{\'gtm.start\':1,event:\'gtm.js\'}]</script>', tag: false }) },
  { id: 'name_taken', name: 'something else is called tagwerk', mend: /Rename that/, make: (pages, open) => open({ head: '<script>window.tagwerk={}</script>', tag: false }) },
  { id: 'holds_up', name: 'the line has no async', mend: /Add async/, make: (pages, open) => open({ head: pages.line.replace(' async', '') }) },
  {
    id: 'late', name: 'the line is put in late', mend: /into the <head> itself/,
    make: (pages, open) => open({ head: `<script>setTimeout(()=>document.head.append(Object.assign(document.createElement('script'),{src:'${pages.script}'})),4200)</script>` }),
  },
  {
    id: 'copied', name: 'a plugin serves a copy of the script', mend: /Exclude the tag's script from combining/,
    async make(pages, open) {
      const text = await (await fetch(`${pages.server.url}/${pages.site}.js`)).text();
      return open({ head: `<script>${text}</script>` });
    },
  },
  {
    id: 'old_copy', name: 'the script is an old copy, whose parts are gone', mend: /empty the caches/,
    make: (pages, open) => open({ route: (page) => page.route(/\/assets\/tag\.\w+/, (on) => on.continue({ url: on.request().url().replace(/tag\.\w+/, 'tag.000000000000') })) }),
  },
  { id: 'not_wasm', name: 'a proxy answers something else for the WebAssembly', mend: /Let that path through/, change: (world) => (world.now.missing = { wasm: 'html' }), make: (pages, open) => open({}) },
  { id: 'part_blocked', name: 'an ad blocker keeps a part of the tag out', mend: /ad blocker/, make: (pages, open) => open({ route: (page) => page.route(/\/assets\/tag\.\w+\.js/, (on) => on.abort('blockedbyclient')) }) },
  { id: 'no_webassembly', name: 'the browser has no WebAssembly', mend: /lockdown mode/, make: (pages, open) => open({ init: () => delete globalThis.WebAssembly }) },
  { id: 'consent_pending', name: 'nobody has answered the banner', settings: { consent: { mode: 'required' } }, mend: /Answer the page's banner/, make: (pages, open) => open({}), undecorated: true },
  { id: 'consent_pending', name: 'the banner speaks no language that the tag hears', settings: { consent: { mode: 'auto' } }, mend: /neither TCF nor Google/, make: (pages, open) => open({}), undecorated: true },
  { id: 'origin_not_listed', name: 'the page\'s origin is not listed', settings: { origins: ['https://www.listed.example'] }, mend: /Add this one to origins/, make: (pages, open) => open({}), waiting: true },
  { id: 'server_trouble', name: 'the server takes no events', change: (world) => (world.now.events = 503), mend: /server's log/, make: (pages, open) => open({}), waiting: true },
  { id: 'too_many', name: 'too many events come from one address', change: (world) => (world.now.events = 429), mend: /trusted_proxies/, make: (pages, open) => open({}), waiting: true },
  { id: 'event_lost', name: 'an ad blocker keeps events in', mend: /event_path/, make: (pages, open) => open({ route: (page) => page.route(/\/event$/, (on) => on.abort('blockedbyclient')) }), waiting: true },
  { id: 'event_refused', name: 'an event has a name that is too long', mend: /longer than 64/, async make(pages, open) {
    const page = await open({});
    await page.evaluate(() => window.tagwerk('trigger', 'x'.repeat(80)));
    return page;
  } },
  { id: 'pixel_missing', name: 'a pixel that is switched on is not there', settings: { pixels: ['meta', 'ga4'] }, mend: /data_layer/, make: (pages, open) => open({}) },
  { id: 'clock', name: 'the visitor\'s clock is off', mend: /set its clock by itself/, init: () => {
    const now = Date.now;
    Date.now = () => now() + 3_600_000;
  }, make: (pages, open, row) => open({ init: row.init }) },
  {
    id: 'redirect_drops', name: 'a redirect plugin drops parameters', settings: { autoscan: { enabled: true, hosts: ['go.example'], use_resolved: false } }, mend: /passes query parameters on/,
    async make(pages, open) {
      const page = await open({
        body: `${BODY}<a href="http://go.example/go/offer">Cloaked</a>`,
        route: (page) => page.route(/\/scan$/, (on) => on.fulfill({ headers: { 'access-control-allow-origin': '*' }, contentType: 'text/plain', body: `${new URLSearchParams({ url: 'http://go.example/go/offer', group: 'digistore24', reason: 'it leads to the network and loses cid on the way' })}\n` })),
      });
      await page.waitForFunction(async () => (await window.tagwerk('inspect')).cloaked.length > 0);
      return page;
    },
  },
  {
    id: 'overwritten', name: 'another script writes over a link', mend: /tagwerk\('decorate', url\)/,
    async make(pages, open) {
      const page = await open({ body: `${BODY}<a id="second" href="${OFFER}2">And this</a>` });
      await page.waitForFunction(() => /cid=/.test(document.querySelector('#second').href));
      await page.evaluate((offer) => (document.querySelector('#second').href = `${offer}2`), OFFER);
      return page;
    },
  },
  { id: 'unknown_group', name: 'a link names a group that there is not', mend: /Correct data-tracking-group/, make: (pages, open) => open({ body: `${BODY}<a href="http://elsewhere.example/" data-tracking-group="digistore42">Typo</a>` }) },
  { id: 'foreign_sub_id', name: 'a link has somebody else\'s sub-id', mend: /existing_subid/, make: (pages, open) => open({ body: `${BODY}<a href="${OFFER}2?cid=blog">Mine</a>` }) },
  {
    id: 'saved_ids', name: 'a form was published with an id of another visit', mend: /as the network gives them/,
    make: (pages, open) => open({ body: `${BODY}<form method="post" action="${OFFER}2?cid=hbshnsrle2u9bhhz1xhcgm36fwbdjgzd"><button>Order</button></form>` }),
  },
  { id: 'saved_copy', name: 'the page is a saved copy', mend: /Publish the original/, make: (pages, open) => open({ first: '<!-- saved from url=(0032)http://elsewhere.example/blog/post -->\n' }) },
  {
    id: 'hidden_links', name: 'an offer is in a closed shadow root', mend: /open its shadow root/,
    make: (pages, open) => open({ body: `${BODY}<div id="host"></div><script>host.attachShadow({ mode: 'closed' }).innerHTML = '<a href="${OFFER}2">Hidden</a>'</script>` }),
  },
  {
    id: 'frame_links', name: 'an offer is in a frame without the tag', mend: /needs the tag of its own/,
    make: (pages, open) => open({ body: `${BODY}<iframe srcdoc='<a href="${OFFER}2">Framed</a>'></iframe>` }),
  },
  { id: 'frame_offer', name: 'an offer is shown in a frame', mend: /frame\.src/, make: (pages, open) => open({ body: `${BODY}<iframe src="http://www.checkout-ds24.com/product/7"></iframe>` }) },
  { id: 'base', name: 'the page\'s base is another site\'s', mend: /Remove <base>/, make: (pages, open) => open({ head: `<base href="http://old.example/">${pages.line}` }) },
  { id: 'said', name: 'the page gives a command that there is not', mend: /Troubleshooting/, async make(pages, open) {
    const page = await open({});
    await page.evaluate(() => window.tagwerk('dance'));
    return page;
  } },
];

describe('the helper extension', () => {
  let pages, helper;
  before(async () => {
    pages = await startPages();
    helper = await startHelper(pages.world);
  });
  after(async () => {
    await helper?.stop();
    await pages?.stop();
  });

  /** Opens a row's page, presses the button, and answers what is shown. */
  const see = async (row) => {
    await pages.set(row.settings);
    pages.world.reset();
    row.change?.(pages.world);
    const page = await row.make(pages, (options) => pages.open(helper.context, options), row);
    if (await page.evaluate(() => Boolean(window.tagwerk?.loaded))) {
      const mode = await page.evaluate(() => window.tagwerk('ready'));
      await settled(page, { id: mode === 'wasm' && !row.undecorated, sent: !row.waiting && row.id !== 'csp_connect' });
    }
    let seen = await helper.look(page);
    if (row.expect) {
      await seen.view.click('#options > summary');
      await seen.view.fill('#line', row.expect(pages));
      await seen.view.click('#expect button');
      await seen.view.waitForSelector('[data-problem]');
      seen = { ...seen, ...(await helper.read(seen.view)) };
    }
    return { page, ...seen, badge: await helper.badge(seen.view, seen.tab) };
  };
  const close = async ({ page, view }) => {
    await view.close();
    await page.close();
  };

  for (const row of GOOD) {
    it(`says nothing against ${row.name}`, { timeout: 60_000 }, async () => {
      const seen = await see(row);
      assert.deepEqual(seen.problems, []);
      assert.equal(seen.title, 'The tag works');
      assert.equal(seen.mood, 'good');
      assert.equal(seen.badge, String(seen.links.filter(({ verdict }) => verdict === 'decorated' || verdict === 'will_be_decorated').length));
      await close(seen);
    });
  }

  for (const row of BROKEN) {
    it(`says ${row.id}, and its mend, where ${row.name}`, { timeout: 60_000 }, async () => {
      const seen = await see(row);
      assert.deepEqual(seen.problems.map(({ id }) => id), [row.id], seen.text);
      assert.match(seen.problems[0].text, row.mend);
      assert.equal(seen.badge, row.id === 'no_tag' ? '' : '1');
      await close(seen);
    });
  }
});

// What the tag does beside links and visits: the page's own pixels, the platforms' cookies, the server's cookie, hashed
// addresses, and links that are cloaked.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, afterEach, before, beforeEach, describe, it as test } from 'node:test';
import { launch } from './browser.mjs';
import { startCollector } from './collector.mjs';
import { PAGE, isClickId, openShop } from './shop.mjs';

const OFFER = 'http://www.digistore24.com/redir/1/a';
const LINK = `<a id="offer" target="_blank" href="${OFFER}">Buy the course</a>`;
const it = (name, run) => test(name, { timeout: 30_000 }, run);

describe('the glue', () => {
  let browser, collector, shop;

  before(async () => {
    collector = await startCollector();
    // The real shops are reached by https; only there does a browser hash.
    browser = await launch([...collector.flags, '--unsafely-treat-insecure-origin-as-secure=http://shop.example']);
  });
  after(async () => {
    await browser.close();
    await collector.stop();
  });
  beforeEach(() => {
    collector.settings = {};
    collector.verdicts = {};
    collector.scanned.length = 0;
  });
  afterEach(async () => {
    assert.deepEqual(shop.errors, [], 'nothing reaches the page');
    await shop.close();
  });

  const open = async (options) => (shop = await openShop(browser, collector, options));
  const trigger = (...args) => shop.page.evaluate((args) => window.tagwerk(...args), ['trigger', ...args]);
  const problems = async () => (await shop.inspect()).problems;

  describe('the page\'s own pixels', () => {
    const PIXELS = [
      'fbq ViewContent=ViewContent,AddToCart=AddToCart ["track","{event}",{"value":"{value}","currency":"{currency}"},{"eventID":"{event_id}"}]',
      'fbq * ["trackCustom","{event}",{"content_name":"{label}","link":"{href}"},{"eventID":"{event_id}"}]',
      'dataLayer.push * [{"event":"{event}","id":"{event_id}","value":"{value}","items":"{items}","order":"{transaction_id}","mail":"{email_sha256}"}]',
      'missing * ["{event}"]',
    ];
    const STUBS = `<script>
      window.calls = [];
      window.fbq = function () { calls.push(['fbq', ...arguments]); };
      window.dataLayer = [];
      dataLayer.push = (entry) => calls.push(['dataLayer', entry]);
    </script>`;
    const page = async (pixel = PIXELS, stubs = STUBS) => {
      collector.settings = { pixel };
      await open();
      await shop.visit(LINK, { head: `${stubs}<script async src="${collector.script}"></script>` });
    };
    const calls = () => shop.page.evaluate(() => window.calls);

    it('hear of a click under the id that the collector gets', async () => {
      await page();
      await shop.page.click('#offer');
      const [address] = await shop.destinations(1);
      await shop.settled();
      const id = new URL(address).searchParams.get('cid');
      const [facebook, layer] = (await calls()).filter(([, first]) => first !== 'Marker' && first.event !== 'Marker' && JSON.stringify(first) !== '{}').filter((call) => JSON.stringify(call).includes(id));
      assert.deepEqual(facebook, ['fbq', 'trackCustom', 'OutboundClick', { content_name: 'Buy the course', link: address }, { eventID: id }]);
      assert.deepEqual(layer, ['dataLayer', { event: 'OutboundClick', id }]);
      assert.equal(collector.events('OutboundClick').find((event) => event.click_id === id).event_id, id);
    });

    it('hear of what the page triggers, in their own words and with numbers as numbers', async () => {
      await page();
      const id = await trigger('AddToCart', { value: '9.50', currency: 'EUR', items: [{ id: 1 }], transactionId: 'T-1' });
      assert.deepEqual(await calls(), [
        ['fbq', 'track', 'AddToCart', { value: 9.5, currency: 'EUR' }, { eventID: id }],
        ['dataLayer', { event: 'AddToCart', id, value: 9.5, items: [{ id: 1 }], order: 'T-1' }],
      ]);
    });

    it('hear of an event whose items they cannot read, without them', async () => {
      await page();
      const id = await trigger('AddToCart', { items: 'two books' });
      assert.deepEqual(await calls(), [
        ['fbq', 'track', 'AddToCart', {}, { eventID: id }],
        ['dataLayer', { event: 'AddToCart', id }],
      ]);
    });

    it('hear of what was triggered before the tag came, and of no page view', async () => {
      collector.settings = { pixel: PIXELS };
      await open();
      await shop.visit(LINK, { head: `${STUBS}<script>window.tagwerk = function () { (tagwerk.q = tagwerk.q || []).push(arguments) }; tagwerk('trigger', 'ViewContent')</script>
        <script async src="${collector.script}"></script>` });
      const names = (await calls()).map(([, first, second]) => second ?? first.event);
      assert.deepEqual(names, ['ViewContent', 'ViewContent']);
    });

    it('that throw change nothing', async () => {
      await page(PIXELS, '<script>window.fbq = () => { throw new Error("theirs") }; window.dataLayer = { push: 1 }</script>');
      await shop.page.click('#offer');
      await shop.destinations(1);
      await shop.settled();
      assert.ok((await problems()).some((problem) => problem.includes('theirs')));
    });

    it('hear nothing of what came before a withdrawal, though they are told later', async () => {
      collector.settings = { pixel: PIXELS };
      await open();
      let open_;
      collector.gate = new Promise((resolve) => (open_ = resolve));
      await shop.visit(LINK, { head: `${STUBS}<script async src="${collector.script}"></script>`, wait: false });
      await shop.page.waitForFunction(() => window.tagwerk?.loaded);
      await shop.page.evaluate(() => [tagwerk('trigger', 'ViewContent'), tagwerk('consent', 'denied')]);
      open_();
      collector.gate = undefined;
      await shop.working();
      assert.deepEqual(await calls(), []);
    });

    it('hear nothing without consent', async () => {
      collector.settings = { pixel: PIXELS, consent: 'required' };
      await open();
      await shop.visit(LINK, { head: `${STUBS}<script async src="${collector.script}"></script>` });
      await shop.page.click('#offer');
      await shop.destinations(1);
      assert.deepEqual(await calls(), []);
    });
  });

  describe('cookies', () => {
    const cookies = (list) => shop.context.addCookies(list.map(([name, value]) => ({ name, value, domain: 'shop.example', path: '/' })));

    it('of the platforms are told as they stand, and no others', async () => {
      collector.settings = { cookies: '_fbp,_gac_*' };
      await open();
      await cookies([['_fbp', 'fb.1.1694086440415.652523550'], ['_gac_UA-1', '1.2%20x=y'], ['session', 'secret'], ['x_fbp', 'no']]);
      await shop.visit(LINK);
      await shop.settled();
      const [view] = collector.events('PageView').slice(-1);
      assert.deepEqual(
        Object.entries(view).filter(([name]) => name.startsWith('cookie.')),
        [['cookie._fbp', 'fb.1.1694086440415.652523550'], ['cookie._gac_UA-1', '1.2%20x=y']],
      );
    });

    it('that come later are told by the next event', async () => {
      collector.settings = { cookies: '_fbp' };
      await open();
      await shop.visit(LINK);
      await shop.page.evaluate(() => (document.cookie = '_fbp=late'));
      const id = await trigger('Later');
      const again = await trigger('Again');
      assert.equal((await collector.seen((event) => event.event_id === id))['cookie._fbp'], 'late');
      assert.equal((await collector.seen((event) => event.event_id === again))['cookie._fbp'], undefined, 'what was told is not told again');
    });

    it('of the server bring visit and visitor back where the storage is gone', async () => {
      await open();
      const record = new URLSearchParams({ visit_id: 'hbshnsrle2u9bhhz', seen: Date.now(), landing_at: 5, landing_page: `${PAGE}?gclid=X`, visitor_id: 'visitor123456789', first_at: 3, first_page: `${PAGE}?utm_source=first`, from: 'gclid=X  ' });
      await cookies([['tagwerk', `${record}`]]);
      await shop.visit(LINK);
      await shop.settled();
      const [view] = collector.events('PageView', 'hbshnsrle2u9bhhz');
      assert.equal(view.visitor_id, 'visitor123456789');
      assert.equal(view.landing_page, `${PAGE}?gclid=X`);
      assert.equal(view.first_page, `${PAGE}?utm_source=first`);
    });

    it('of the server go when consent is withdrawn', async () => {
      await open();
      await cookies([['tagwerk', 'visitor_id=v']]);
      await shop.visit(LINK);
      await shop.page.evaluate(() => tagwerk('consent', 'denied'));
      assert.deepEqual(await shop.context.cookies(PAGE), []);
    });

    it('of the server go where consent was refused before the tag came', async () => {
      await open();
      await cookies([['tagwerk', 'visitor_id=v']]);
      await shop.visit(LINK, { head: `<script>window.tagwerk = { q: [['consent', 'denied']] }</script><script async src="${collector.script}"></script>` });
      assert.deepEqual(await shop.context.cookies(PAGE), []);
    });

    it('that cannot be read disturb nothing', async () => {
      await open({ init: () => Object.defineProperty(document, 'cookie', { get: () => { throw new DOMException('no', 'SecurityError'); } }) });
      await shop.visit(LINK);
      await shop.page.click('#offer');
      await shop.destinations(1);
      await shop.settled();
    });
  });

  it('an address is hashed before it is sent', async () => {
    await open();
    await shop.visit('');
    const id = await trigger('Lead', { email: '  Jane.Doe@Example.com ', value: 1 });
    assert.ok(isClickId(id));
    const event = await collector.seen((event) => event.event_id === id);
    assert.equal(event['attribute.email_sha256'], createHash('sha256').update('jane.doe@example.com').digest('hex'));
    assert.ok(!JSON.stringify(event).toLowerCase().includes('jane'));
    assert.equal(event['attribute.value'], '1');
  });

  it('an address that cannot be hashed is left out, and the event is told', async () => {
    await open({ init: () => Object.defineProperty(crypto, 'subtle', { value: undefined }) });
    await shop.visit('');
    const id = await trigger('Lead', { email: 'jane@example.com' });
    const event = await collector.seen((event) => event.event_id === id);
    assert.equal(event['attribute.email_sha256'], undefined);
  });

  it('a form in an open shadow root is decorated and counted', async () => {
    await open();
    await shop.visit(`<div id="host"></div><script>
      host.attachShadow({ mode: 'open' }).innerHTML = '<form action="${OFFER}" target="_blank"><input name="q" value="1"><button>Order</button></form>';
    </script>`);
    const { visit_id } = await shop.inspect();
    await shop.page.click('#host button');
    const [address] = await shop.destinations(1);
    await shop.settled();
    const [event, ...others] = collector.events('OutboundClick', visit_id);
    assert.deepEqual(others, []);
    assert.equal(address, `${OFFER}?q=1&cid=${event.click_id}`);
    assert.deepEqual([event.how, event.label], ['form', 'Order']);
  });

  it('a form that holds nothing but a token is told with the id that takes its place', async () => {
    await open();
    await shop.visit('<form action="http://partner.example/in" target="_blank"><input name="a" value="x--CLICK-ID--"><input name="a" value="2"><button>Order</button></form>');
    const { visit_id } = await shop.inspect();
    await shop.page.click('button');
    const [address] = await shop.destinations(1);
    await shop.settled();
    const [event, ...others] = collector.events('OutboundClick', visit_id);
    assert.deepEqual(others, []);
    assert.equal(address, `http://partner.example/in?a=x${event.click_id}&a=2`);
    assert.deepEqual([event.group, event.foreign], ['', '']);
  });

  it('forms whose fields have the names of what a form can do are decorated and counted', async () => {
    await open();
    const names = ['elements', 'action', 'method', 'submit', 'length', 'matches'];
    await shop.visit(names.map((name) => `<form action="${OFFER}" target="_blank"><input name="${name}" value="1"><button id="${name}">Buy</button></form>`).join(''));
    const { visit_id } = await shop.inspect();
    for (const name of names) await shop.page.evaluate((name) => document.getElementById(name).click(), name);
    const ids = (await shop.destinations(names.length)).map((address) => new URL(address).searchParams.get('cid'));
    await shop.settled();
    assert.deepEqual(collector.events('OutboundClick', visit_id).map((event) => event.click_id).sort(), ids.sort());
  });

  it('a page that uses the names of what the tag looks for keeps the rest of it working', async () => {
    collector.settings = { consent: 'auto' };
    await open();
    await shop.visit(LINK, { head: `<script>var navigation = { menu: 1 }; window.dataLayer = { push() {} };</script><script async src="${collector.script}"></script>` });
    assert.equal((await shop.inspect()).mode, 'wasm');
    await shop.page.evaluate(() => tagwerk('consent', 'granted'));
    await shop.page.evaluate(() => history.pushState(0, '', '?second'));
    await collector.seen((event) => event.name === 'PageView' && event.page.endsWith('?second'));
  });

  it('a page that comes back from the cache heeds what was refused meanwhile', async () => {
    await open();
    await shop.visit(LINK);
    const { visit_id } = await shop.inspect();
    await shop.settled();
    const turn = (type) => shop.page.evaluate((type) => dispatchEvent(new PageTransitionEvent(type, { persisted: true })) && { ...localStorage }, type);
    assert.ok((await turn('pagehide')).tagwerk);
    assert.ok((await turn('pageshow')).tagwerk);
    assert.equal((await shop.inspect()).visit_id, visit_id);
    assert.equal((await shop.inspect()).events.filter((event) => event.name === 'PageView').length, 2);
    await turn('pagehide');
    // As the tag in another page of the site does when somebody refuses there.
    await shop.page.evaluate(() => localStorage.clear());
    assert.deepEqual(await turn('pageshow'), {});
    const report = await shop.inspect();
    assert.equal(report.consent, 'denied');
    assert.equal(report.events.filter((event) => event.name === 'PageView').length, 2);
  });

  it('a banner that has not asked yet is no refusal', async () => {
    collector.settings = { consent: 'auto' };
    await open();
    await shop.visit(LINK, { head: `<script>
      window.__tcfapi = (command, version, callback) => callback({ gdprApplies: true, cmpStatus: 'loading', purpose: { consents: {} } }, true);
    </script><script async src="${collector.script}"></script>` });
    assert.equal((await shop.inspect()).consent, 'pending');
  });

  it('cookies are not read before consent', async () => {
    collector.settings = { consent: 'required', cookies: '_fbp' };
    await open({ init: () => {
      window.reads = 0;
      const { get, set } = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie');
      Object.defineProperty(document, 'cookie', { get: () => (window.reads++, get.call(document)), set: (text) => set.call(document, text) });
    } });
    await shop.visit(LINK);
    await trigger('Early');
    assert.equal(await shop.page.evaluate(() => window.reads), 0);
    await shop.page.evaluate(() => tagwerk('consent', 'granted'));
    assert.ok(await shop.page.evaluate(() => window.reads) > 0);
  });

  it('a page of another host of the site\'s own is no source', async () => {
    collector.settings = { own: 'blog.shop.example,shop.example' };
    await open();
    await shop.visit(LINK, { url: `${PAGE}?gclid=X`, referer: 'http://ads.example/' });
    const { visit_id } = await shop.inspect();
    await shop.visit(LINK, { referer: 'http://blog.shop.example/' });
    assert.equal((await shop.inspect()).visit_id, visit_id);
    await shop.visit(LINK, { referer: 'http://news.example/' });
    assert.notEqual((await shop.inspect()).visit_id, visit_id);
  });

  it('whatever is not a yes is a no, in the queue too', async () => {
    await open();
    for (const answer of ["'maybe'", 'false', 'undefined']) {
      await shop.visit(LINK, { head: `<script>window.tagwerk = { q: [['consent', ${answer}]] }</script><script async src="${collector.script}"></script>` });
      assert.equal((await shop.inspect()).consent, 'denied', answer);
    }
  });

  it('a link whose address the page had decorated is counted once, as the click it was', async () => {
    await open();
    await shop.visit(`<a id="offer" href="#">Buy the course</a><script>
      offer.addEventListener('click', () => (offer.href = tagwerk('decorate', '${OFFER}')));
    </script>`);
    const { visit_id } = await shop.inspect();
    // The capture listener sees a link to nowhere; by the time it is followed it leads to the offer.
    await shop.page.click('#offer');
    const [address] = await shop.destinations(1);
    await shop.visit(LINK);
    await shop.settled();
    const events = collector.events('OutboundClick', visit_id);
    assert.deepEqual(events.map((event) => event.click_id), [new URL(address).searchParams.get('cid')]);
  });

  it('a link that carries a decorated address is told with its text', async () => {
    await open();
    await shop.visit('<a id="offer" target="_blank">Buy the course</a>');
    const { visit_id } = await shop.inspect();
    await shop.page.evaluate((offer) => (document.getElementById('offer').href = tagwerk('decorate', offer)), OFFER);
    await shop.page.click('#offer');
    await shop.destinations(1);
    await shop.settled();
    const [event, ...others] = collector.events('OutboundClick', visit_id);
    assert.deepEqual(others, []);
    assert.equal(event.label, 'Buy the course');
    assert.equal(event.how, 'left');
  });

  describe('cloaked links', () => {
    const GO = 'http://shop.example/go/x';
    const BODY = '<a id="offer" target="_blank" href="/go/x#top">Buy</a><a id="other" href="/about">About</a><a href="/go/x">Again</a><a href="/go/y?a=1">query</a><a href="http://elsewhere.example/go/z">else</a>';
    const scan = async (verdicts) => {
      collector.settings = { scan: `/${collector.site}/scan`, scan_hosts: 'shop.example' };
      collector.verdicts = verdicts;
      await open();
      await shop.visit(BODY);
    };
    const href = (id, pattern) => shop.page.waitForFunction(([id, pattern]) => new RegExp(pattern).exec(document.getElementById(id).getAttribute('href'))?.[1], [id, pattern]).then((handle) => handle.jsonValue());

    it('that pass parameters on are decorated once the server has told', async () => {
      await scan({ [GO]: { group: 'digistore24', forwards: 1, reason: 'passes parameters on' } });
      const id = await href('offer', '^/go/x\\?cid=([a-z0-9]{32})#top$');
      assert.ok(isClickId(id));
      assert.deepEqual(collector.scanned, [[GO, 'http://shop.example/about']], 'each is asked about once');
      await shop.page.click('#offer');
      const [address] = await shop.destinations(1);
      assert.equal(address, `${GO}?cid=${id}`);
      await shop.settled();
      const click = collector.events('OutboundClick').find((event) => event.click_id === id);
      assert.equal(click.group, 'digistore24');
      assert.equal(await shop.page.getAttribute('#other', 'href'), '/about');
    });

    it('are asked about first where the page calls them advertisements, though its menu is longer than what is asked', async () => {
      collector.settings = { scan: `/${collector.site}/scan`, scan_hosts: 'shop.example' };
      collector.verdicts = { [GO]: { group: 'digistore24', forwards: 1, reason: 'passes parameters on' } };
      await open();
      const menu = Array.from({ length: 70 }, (_, index) => `<a href="/menu/${index}">menu</a>`).join('');
      await shop.visit(`${menu}<a id="offer" rel="nofollow sponsored" href="/go/x">Buy</a>`);
      assert.ok(isClickId(await href('offer', '^/go/x\\?cid=([a-z0-9]{32})$')));
      assert.deepEqual(collector.scanned.map((urls) => urls.length), [50]);
    });

    it('that drop parameters give way to the offer where the site allows it', async () => {
      await scan({ [GO]: { group: 'digistore24', resolved: `${OFFER}?x=%E9`, reason: 'drops parameters' } });
      assert.ok(isClickId(await href('offer', '^http://www\\.digistore24\\.com/redir/1/a\\?x=%E9&cid=([a-z0-9]{32})$')));
    });

    it('that drop parameters stay where nothing may take their place', async () => {
      await scan({ [GO]: { group: 'digistore24', reason: 'drops parameters' } });
      await shop.page.waitForFunction(async () => (await tagwerk('inspect')).cloaked?.length > 0);
      await shop.page.hover('#offer');
      assert.equal(await shop.page.getAttribute('#offer', 'href'), '/go/x#top');
    });
  });
});

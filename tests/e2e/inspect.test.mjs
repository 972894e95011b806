// What a page is told of the tag on it, against what the tag then does: in both modes where the mode matters.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it as test } from 'node:test';
import { launch } from './browser.mjs';
import { startCollector } from './collector.mjs';
import { startServer } from './server.mjs';
import { MODES, PAGE, isClickId, launchShop, openShop } from './shop.mjs';

const OFFER = 'http://www.digistore24.com/redir/1/a';
const BODY = `
  <a id="offer" target="_blank" href="${OFFER}">Buy <b>it</b></a>
  <a href="${OFFER}?cid=blog">Mine</a>
  <a href="http://www.digistore24.com/login">Sign in</a>
  <a href="http://elsewhere.example/" data-tracking-group="digistore42">Elsewhere</a>
  <a href="http://plain.example/">Plain</a>
  <form action="http://www.checkout-ds24.com/product/7"><button>Order</button></form>`;
const it = (name, run) => test(name, { timeout: 30_000 }, run);

/** The part of the links' rows that does not depend on how far the tag has come by itself. */
const verdicts = ({ links }) => Object.fromEntries(links.map(({ text, verdict }) => [text, verdict]));

for (const mode of MODES) {
  describe(`inspect, ${mode}`, () => {
    let browser, collector, shop;

    before(async () => {
      collector = await startCollector();
      browser = await launchShop(collector);
    });
    after(async () => {
      await browser.close();
      await collector.stop();
    });
    beforeEach(() => {
      collector.settings = {};
      collector.status = 204;
    });
    afterEach(async () => {
      assert.deepEqual(shop.errors, [], 'nothing reaches the page');
      await shop.close();
    });

    const open = async (options) => (shop = await openShop(browser, collector, { mode, ...options }));

    it('who the visitor is and where they came from', async () => {
      await open();
      await shop.visit(BODY, { url: `${PAGE}?utm_source=News&gclid=AbC`, referer: 'http://search.example/' });
      const report = await shop.inspect();
      const stored = await shop.page.evaluate(() => Object.fromEntries(new URLSearchParams(localStorage.getItem('tagwerk'))));
      assert.equal(report.mode, mode);
      assert.equal(report.ready, true);
      assert.equal(report.site_id, collector.site);
      assert.equal(report.visit_id, stored.visit_id);
      assert.equal(report.visitor_id, stored.visitor_id ?? null);
      assert.equal(report.consent, 'granted');
      assert.deepEqual(report.source.utm, { utm_source: 'News' });
      assert.deepEqual(report.source.click_ids, { gclid: 'AbC' });
      assert.equal(report.source.referrer, 'http://search.example/');
      assert.equal(report.source.landing.page, `${PAGE}?utm_source=News&gclid=AbC`);
    });

    it('an event that the server has on disk is told as delivered, with what it says', async () => {
      await open();
      await shop.visit(BODY);
      const id = await shop.page.evaluate(() => window.tagwerk('trigger', 'AddToCart', { value: '9.90', currency: 'EUR' }));
      await collector.seen((event) => event.event_id === id);
      await shop.page.waitForFunction(() => !localStorage.getItem('tagwerk.outbox'));
      const event = (await shop.inspect()).events.find((event) => event.event_id === id);
      assert.deepEqual({ ...event, at: 0 }, {
        event_id: id,
        name: 'AddToCart',
        at: 0,
        click_id: id,
        href: null,
        label: null,
        group: null,
        attributes: { value: '9.90', currency: 'EUR' },
        state: 'delivered',
        status: 204,
      });
    });

    it('an event that waits for consent is told as held', async () => {
      collector.settings = { consent: 'required' };
      await open();
      await shop.visit(BODY);
      const id = await shop.page.evaluate(() => window.tagwerk('trigger', 'AddToCart'));
      const report = await shop.inspect();
      assert.equal(report.consent, 'pending');
      assert.equal(report.events.find((event) => event.event_id === id)?.state, 'held');
    });

    it('an event that a server in trouble did not take is told as failed', async () => {
      collector.status = 503;
      await open();
      await shop.visit(BODY);
      const event = await shop.page.evaluate(async () => {
        const id = window.tagwerk('trigger', 'AddToCart');
        for (;;) {
          const { events } = await window.tagwerk('inspect');
          const event = events.find((event) => event.event_id === id);
          if (event.state !== 'in_flight') return event;
        }
      });
      assert.equal(event.state, 'failed');
      assert.equal(event.status, 503);
    });

    it('an event that nobody has answered yet is told as in flight, and by the next page as waiting', async () => {
      await open();
      // What is never let go never arrives.
      await shop.context.route(/\/event$/, () => {});
      await shop.visit(BODY);
      const id = await shop.page.evaluate(() => window.tagwerk('trigger', 'AddToCart'));
      const state = async () => (await shop.inspect()).events.find((event) => event.event_id === id).state;
      assert.equal(await state(), 'in_flight');
      await shop.visit(BODY, { url: 'http://shop.example/next' });
      assert.equal(await state(), 'waiting');
    });

    it('pixels of the page are told, fed or not', async () => {
      collector.settings = { pixel: ['fbq * ["trackCustom","{event}"]'] };
      await open({ init: () => Object.assign(window, { fbq() {}, rdt() {} }) });
      await shop.visit(BODY);
      const { pixels } = await shop.inspect();
      const rows = pixels.map(({ function: name, switched_on, found }) => [name, switched_on, found]);
      assert.deepEqual(rows, mode === 'wasm' ? [['fbq', true, true], ['rdt', false, true]] : [['fbq', true, true]]);
    });

    it('where the module cannot be loaded, the shim tells what it knows', async () => {
      await open();
      await shop.context.route(/\/assets\/inspect/, (route) => route.abort());
      await shop.visit(BODY);
      const facts = await shop.inspect();
      assert.equal(facts.mode, mode);
      assert.equal(facts.consent, 'granted');
      assert.match(facts.record, /visit_id=[a-z0-9]{16}/);
      assert.equal(facts.links, undefined);
    });

    it('nothing of it is loaded before somebody asks, and once then', async () => {
      await open();
      const asked = [];
      shop.page.on('request', (request) => request.url().includes('/assets/inspect') && asked.push(new URL(request.url()).pathname));
      await shop.visit(BODY);
      await shop.settled();
      assert.deepEqual(asked, []);
      await shop.inspect();
      await shop.inspect();
      const once = mode === 'wasm' ? ['/assets/inspect.js', '/assets/inspect.wasm'] : ['/assets/inspect.js', '/assets/inspect.wasm', '/assets/inspect.wasm'];
      assert.deepEqual(asked, once);
    });

    if (mode === 'shim') {
      it('without WebAssembly the report says that it judges no links', async () => {
        await open();
        await shop.visit(BODY);
        const report = await shop.inspect();
        assert.deepEqual(report.links, []);
        assert.match(report.problems.join('\n'), /links are not judged, since WebAssembly cannot run here/);
      });
    } else {
      it('each link is told with what becomes of it and why', async () => {
        await open();
        await shop.visit(BODY);
        const expected = { 'Buy it': 'decorated', Mine: 'foreign', 'Sign in': 'left', Elsewhere: 'left', Order: 'will_be_decorated' };
        await shop.page.hover('#offer');
        const report = await shop.inspect();
        assert.deepEqual(verdicts(report), expected);
        assert.ok(report.links.every(({ reason }) => reason.length > 10), JSON.stringify(report.links));
      });

      it('a verdict is what happens: the id that is told is the one that the offer gets', async () => {
        await open();
        await shop.visit(BODY);
        await shop.page.hover('#offer');
        const [link] = (await shop.inspect()).links;
        assert.ok(isClickId(link.click_id));
        await shop.page.click('#offer');
        const [destination] = await shop.destinations(1);
        assert.equal(new URL(destination).searchParams.get('cid'), link.click_id);
        await shop.settled();
        const click = (await shop.inspect()).events.find((event) => event.event_id === link.click_id);
        assert.equal(click.state, 'delivered');
        assert.equal(click.href, destination);
        assert.equal(click.label, 'Buy it');
      });

      it('cloaked links are told with what AutoScan said of them', async () => {
        collector.settings = { scan: `/${collector.site}/scan`, scan_hosts: 'shop.example' };
        await open();
        const go = (name) => `http://shop.example/go/${name}`;
        const answers = [
          { url: go('passes'), group: 'digistore24', forwards: '1', reason: 'It passes parameters on.' },
          { url: go('drops'), group: 'digistore24', reason: 'It drops parameters.' },
          { url: go('about'), reason: 'It leads to no network.' },
        ];
        const body = answers.map((answer) => `${new URLSearchParams(answer)}`).join('\n');
        await shop.context.route(/\/scan$/, (route) => route.fulfill({ headers: { 'access-control-allow-origin': '*' }, contentType: 'text/plain', body }));
        await shop.visit(['passes', 'drops', 'about'].map((name) => `<a id="${name}" href="/go/${name}">${name}</a>`).join(' ') + '<a href="/go/later?x=1">later</a>');
        await shop.page.waitForFunction(() => document.querySelector('#passes').href.includes('cid='));
        const report = await shop.inspect();
        assert.deepEqual(verdicts(report), { passes: 'decorated', drops: 'left', about: 'left' });
        assert.match(report.links[1].reason, /drops parameters/);
        assert.deepEqual(report.cloaked.map(({ url, group, forwards }) => [url, group, forwards]), [
          [go('passes'), 'digistore24', true],
          [go('drops'), 'digistore24', false],
          [go('about'), null, false],
        ]);
      });

      it('without consent the links that the site leaves alone then are told so', async () => {
        collector.settings = { consent: 'required', decorate_without: '' };
        await open();
        await shop.visit(BODY);
        const offer = (await shop.inspect()).links.find(({ text }) => text === 'Buy it');
        assert.equal(offer.verdict, 'left');
        assert.match(offer.reason, /has not agreed/);
        assert.equal(offer.href, OFFER);
      });
    }
  });
}

describe('inspect on the demo shop of the real server', () => {
  let browser, server;
  before(async () => {
    browser = await launch();
    server = await startServer();
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  it('comes from hashed assets and tells the offer', async () => {
    const page = await browser.newPage();
    const assets = [];
    page.on('response', (answer) => answer.url().includes('/assets/inspect') && assets.push([new URL(answer.url()).pathname, answer.headers()['cache-control']]));
    await page.goto(`${server.url}/demo?utm_source=news`);
    await page.hover('#promolink');
    const report = await page.evaluate(async () => {
      while (!window.tagwerk?.loaded) await new Promise(requestAnimationFrame);
      return window.tagwerk('inspect');
    });
    assert.equal(report.mode, 'wasm');
    assert.equal(report.site_id, server.site.site_id);
    assert.deepEqual(report.source.utm, { utm_source: 'news' });
    const href = await page.getAttribute('#promolink', 'href');
    const link = report.links.find((link) => link.href === href);
    assert.equal(link?.verdict, 'decorated', JSON.stringify(report.links));
    assert.equal(assets.length, 2);
    for (const [path, caching] of assets) {
      assert.match(path, /^\/assets\/inspect\.[0-9a-f]{12}\.(js|wasm)$/);
      assert.match(caching, /immutable/);
    }
  });
});

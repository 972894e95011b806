// The tag on pages that make it hard, and what it remembers: in both modes where the mode matters.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it as test } from 'node:test';
import { startCollector } from './collector.mjs';
import { MODES, PAGE, isClickId, launchShop, openShop } from './shop.mjs';

const OFFER = 'http://www.digistore24.com/redir/1/a';
const LINK = `<a id="offer" target="_blank" href="${OFFER}">Buy</a>`;
const STUB = '<script>window.tagwerk = window.tagwerk || function () { (tagwerk.q = tagwerk.q || []).push(arguments) }</script>';
const it = (name, run) => test(name, { timeout: 30_000 }, run);

for (const mode of MODES) {
  describe(`the tag on its page, ${mode}`, () => {
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
      collector.missing = [];
    });
    afterEach(async () => {
      assert.deepEqual(shop.errors, [], 'nothing reaches the page');
      await shop.close();
    });

    const open = async (options) => (shop = await openShop(browser, collector, { mode, ...options }));
    const stored = (name) => shop.page.evaluate((name) => new URLSearchParams(localStorage.getItem('tagwerk') ?? '').get(name), name);
    const hovered = async () => {
      await shop.page.mouse.move(600, 500);
      await shop.page.hover('#offer');
      return new URL(await shop.page.getAttribute('#offer', 'href')).searchParams.get('cid');
    };

    it('a page view tells the visit, its landing page and the referrer', async () => {
      await open();
      const landing = `${PAGE}?utm_source=a&gclid=AbC`;
      await shop.visit(LINK, { url: landing, referer: 'http://blog.example/review' });
      const { visit_id } = await shop.inspect();
      await shop.settled();
      const [view, ...others] = collector.events('PageView', visit_id);
      assert.deepEqual(others, []);
      assert.equal(view.page, landing);
      assert.equal(view.landing_page, landing);
      assert.equal(view.landing_referrer, 'http://blog.example/review');
      assert.equal(view.automated, '1');
      if (mode === 'wasm') assert.ok(view.visitor_id && view.first_page === landing && view.touch_page === landing);
    });

    it('a visit goes on from page to page, and another source begins another', async () => {
      await open();
      const visit = async (url, referer) => {
        await shop.visit(LINK, { url, referer });
        await shop.settled();
        return (await shop.inspect()).visit_id;
      };
      const first = await visit(`${PAGE}?utm_source=a`, 'http://ads.example/');
      assert.equal(await visit(PAGE, PAGE), first, 'the next page');
      assert.equal(await visit(`${PAGE}?utm_source=a`, 'http://ads.example/'), first, 'the landing page again');
      assert.equal(await visit(`${PAGE}?utm_source={source}&other=1`), first, 'a macro that nobody expanded');
      const second = await visit(`${PAGE}?utm_source=b`);
      assert.notEqual(second, first);
      assert.notEqual(await visit(PAGE, 'http://news.example/'), second);
      if (mode === 'wasm') {
        const events = [first, second].map((id) => collector.events('PageView', id)[0]);
        assert.equal(events[0].visitor_id, events[1].visitor_id);
        assert.equal(events[1].first_page, `${PAGE}?utm_source=a`);
      }
    });

    it('after half an hour without a page a new visit begins, and it tells the touch before it', async () => {
      await open();
      await shop.visit(LINK, { url: `${PAGE}?utm_source=a` });
      const { visit_id: first } = await shop.inspect();
      await shop.visit(LINK, { head: `<script>{
        const record = new URLSearchParams(localStorage.tagwerk);
        record.set('seen', Date.now() - 31 * 60000);
        localStorage.tagwerk = record;
      }</script><script async src="${collector.script}"></script>` });
      const { visit_id } = await shop.inspect();
      assert.notEqual(visit_id, first);
      await shop.settled();
      const [view] = collector.events('PageView', visit_id);
      assert.equal(view.landing_page, PAGE);
      if (mode === 'wasm') assert.equal(view.touch_page, `${PAGE}?utm_source=a`);
    });

    it('whoever sends it, a direct visit tells the touches that are remembered', async () => {
      await open();
      const touch = `${PAGE}?gclid=PAID`;
      await shop.visit(LINK, { head: `<script>localStorage.tagwerk = new URLSearchParams({
        touch_at: 5, touch_page: '${touch}', first_at: 3, first_page: '${PAGE}?utm_source=first' });</script>
        <script async src="${collector.script}"></script>` });
      const { visit_id } = await shop.inspect();
      await shop.settled();
      const [view] = collector.events('PageView', visit_id);
      assert.equal(view.touch_page, touch);
      assert.equal(view.first_page, `${PAGE}?utm_source=first`);
    });

    it('commands that were queued before the tag came are carried out', async () => {
      await open();
      await shop.visit(LINK, { head: `${STUB}<script>tagwerk('trigger', 'AddToCart', { value: 9.5, currency: 'EUR', items: [{ id: 1 }], email: 'a@b.example' })</script>
        <script async src="${collector.script}"></script>` });
      const { visit_id } = await shop.inspect();
      await shop.settled();
      const [event] = collector.events('AddToCart', visit_id);
      assert.equal(event['attribute.value'], '9.5');
      assert.equal(event['attribute.currency'], 'EUR');
      assert.equal(event['attribute.items'], '[{"id":1}]');
      assert.equal(event['attribute.email'], undefined, 'an address is not sent in the clear');
      assert.equal(event.event_id, event.click_id);
      assert.ok(isClickId(event.click_id));
    });

    it('trigger answers the click id, decorate the URL, and an unknown command is only noted', async () => {
      await open();
      await shop.visit('');
      const answers = await shop.page.evaluate((offer) => [tagwerk('trigger', 'Lead'), tagwerk('decorate', offer), tagwerk('decorate', '/about'), tagwerk('dance')], OFFER);
      assert.ok(isClickId(answers[0]));
      assert.match(answers[1], /^http:\/\/www\.digistore24\.com\/redir\/1\/a\?cid=[a-z0-9]{32}$/);
      assert.deepEqual(answers.slice(2), ['/about', undefined]);
      assert.ok((await shop.inspect()).problems.some((problem) => problem.includes('dance')));
    });

    it('the script twice in a page is one tag', async () => {
      await open();
      const script = `<script async src="${collector.script}"></script>`;
      await shop.visit(LINK, { head: `${script}${script}<script src="${collector.script}?again"></script>` });
      const { visit_id } = await shop.inspect();
      await shop.page.click('#offer');
      await shop.destinations(1);
      await shop.settled();
      assert.equal(collector.events('PageView', visit_id).length, 1);
      assert.equal(collector.events('OutboundClick', visit_id).length, 1);
    });

    it('as a module, and put there by a script, it finds where it came from', async () => {
      await open();
      for (const head of [
        `<script type="module" src="${collector.script}"></script>`,
        `<script>document.head.appendChild(Object.assign(document.createElement('script'), { src: '${collector.script}' }))</script>`,
      ]) {
        await shop.visit(LINK, { head });
        assert.equal((await shop.inspect()).mode, mode);
        await shop.settled();
      }
    });

    it('two clicks on one link are two records', async () => {
      await open();
      await shop.visit(LINK);
      const { visit_id } = await shop.inspect();
      await shop.page.click('#offer');
      await shop.page.click('#offer');
      await shop.destinations(2);
      await shop.settled();
      assert.equal(new Set(collector.events('OutboundClick', visit_id).map((event) => event.click_id)).size, 2);
    });

    it('without storage it works from memory', async () => {
      await open({ init: () => Object.defineProperty(window, 'localStorage', { get: () => { throw new DOMException('no', 'SecurityError'); } }) });
      await shop.visit(LINK);
      const { visit_id, mode: found } = await shop.inspect();
      assert.equal(found, mode);
      await shop.page.click('#offer');
      await shop.destinations(1);
      const event = await collector.seen((event) => event.name === 'OutboundClick' && event.visit_id === visit_id);
      assert.ok(isClickId(event.click_id));
    });

    it('a page that wraps fetch and has it throw still reports, by beacon', async () => {
      await open({ init: () => { const real = window.fetch; window.fetch = (url, options) => { if (options) throw new Error('no'); return real(url); }; } });
      await shop.visit(LINK);
      const { visit_id, mode: found } = await shop.inspect();
      assert.equal(found, mode);
      await shop.page.click('#offer');
      await collector.seen((event) => event.name === 'OutboundClick' && event.visit_id === visit_id);
    });

    it('what the collector could not take is kept and sent again by the next page', async () => {
      await open();
      await shop.visit(LINK);
      const { visit_id } = await shop.inspect();
      await shop.settled();
      collector.status = 503;
      const answered = shop.page.waitForResponse((answer) => (answer.request().postData() ?? '').includes('OutboundClick'));
      await shop.page.click('#offer');
      assert.equal((await answered).status(), 503);
      assert.deepEqual(collector.events('OutboundClick', visit_id), []);
      collector.status = 204;
      await shop.visit(LINK);
      await shop.settled();
      const [event] = collector.events('OutboundClick', visit_id);
      assert.equal(event.href.split('?')[0], OFFER);
      assert.equal(collector.arrivals(event.event_id), 1);
    });

    it('a line that is refused for good is not sent again', async () => {
      await open();
      await shop.visit(LINK);
      await shop.settled();
      collector.status = 400;
      await shop.page.evaluate(() => tagwerk('trigger', 'Broken'));
      await shop.page.waitForFunction(() => !localStorage.getItem('tagwerk.outbox'));
    });

    it('before consent nothing is stored or sent, and links carry ids where the site says so', async () => {
      await open();
      collector.settings = { consent: 'required' };
      await shop.visit(LINK);
      const { visit_id, consent } = await shop.inspect();
      assert.equal(consent, 'pending');
      const id = await hovered();
      assert.equal(id.slice(0, 16), visit_id);
      await shop.page.click('#offer');
      await shop.destinations(1);
      const triggered = await shop.page.evaluate(() => tagwerk('trigger', 'Lead'));
      assert.ok(isClickId(triggered));
      assert.equal(await shop.page.evaluate(() => localStorage.length), 0);
      assert.equal(collector.events('OutboundClick', visit_id).length + collector.events('PageView', visit_id).length, 0);

      await shop.page.evaluate(() => tagwerk('consent', 'granted'));
      await shop.settled();
      assert.equal(await stored('visit_id'), visit_id);
      assert.equal(collector.events('OutboundClick', visit_id).length, 1, 'what was held back is sent');
      assert.equal(collector.events('Lead', visit_id)[0].event_id, triggered);
      assert.equal(collector.events('PageView', visit_id).length, 1);
    });

    it('consent on the next page continues the visit that was stored with it', async () => {
      await open();
      collector.settings = { consent: 'required' };
      const grant = () => shop.page.evaluate(() => tagwerk('consent', 'granted'));
      await shop.visit(LINK, { url: `${PAGE}?utm_source=a` });
      await grant();
      await shop.settled();
      const { visit_id } = await shop.inspect();
      await shop.visit(LINK, { referer: PAGE });
      assert.notEqual((await hovered()).slice(0, 16), visit_id, 'nothing was read before consent');
      await grant();
      assert.equal((await shop.inspect()).visit_id, visit_id);
      assert.equal((await hovered()).slice(0, 16), visit_id);
    });

    it('without consent and without leave to decorate, the link stays as it is and works', async () => {
      await open();
      collector.settings = { consent: 'auto', decorate_without: '' };
      await shop.visit(LINK);
      assert.equal(await hovered(), null);
      await shop.page.click('#offer');
      assert.deepEqual(await shop.destinations(1), [OFFER]);
      await shop.page.evaluate(() => tagwerk('consent', 'granted'));
      assert.ok(isClickId(await hovered()));
    });

    it('withdrawn consent purges what is stored and stops the sending', async () => {
      await open();
      await shop.visit(LINK);
      await shop.settled();
      const { visit_id } = await shop.inspect();
      await shop.page.evaluate(() => tagwerk('consent', 'denied'));
      assert.equal(await shop.page.evaluate(() => localStorage.length), 0);
      await shop.page.click('#offer');
      await shop.destinations(1);
      await shop.page.evaluate(() => tagwerk('consent', 'granted'));
      await shop.settled();
      assert.deepEqual(collector.events('OutboundClick', visit_id), []);
    });

    it('consent that was refused before the tag came counts from the first moment', async () => {
      await open();
      await shop.visit(LINK, { head: `${STUB}<script>tagwerk('consent', 'denied')</script><script async src="${collector.script}"></script>` });
      const { visit_id, consent } = await shop.inspect();
      assert.equal(consent, 'denied');
      assert.equal(await shop.page.evaluate(() => localStorage.length), 0);
      await shop.page.evaluate(() => tagwerk('consent', 'granted'));
      await shop.settled();
      assert.equal(collector.events('PageView', visit_id).length, 1);
    });

    it('a page that is rendered ahead counts nothing until it is shown', async () => {
      await open({ init: () => Object.defineProperty(document, 'prerendering', { configurable: true, get: () => true }) });
      await shop.visit(LINK, { wait: false });
      await shop.page.waitForFunction(() => window.tagwerk?.loaded);
      assert.equal(await shop.page.evaluate(() => tagwerk('trigger', 'Ahead')), undefined, 'it waits in the queue');
      assert.equal(await shop.page.evaluate(() => localStorage.length), 0);
      await shop.page.evaluate(() => {
        delete document.prerendering;
        document.dispatchEvent(new Event('prerenderingchange'));
      });
      await shop.working();
      await shop.settled();
      const { visit_id } = await shop.inspect();
      for (const name of ['PageView', 'Ahead']) assert.equal(collector.events(name, visit_id).length, 1);
    });

    it('a page that goes before anything has loaded has still told its view', async () => {
      await open();
      let open_;
      collector.gate = new Promise((resolve) => (open_ = resolve));
      await shop.visit(LINK, { wait: false });
      await shop.page.waitForFunction(() => window.tagwerk?.loaded);
      const visit_id = await stored('visit_id');
      await shop.page.goto('http://example.com/');
      await collector.seen((event) => event.name === 'PageView' && event.visit_id === visit_id);
      open_();
      collector.gate = undefined;
    });
  });
}

describe('where WebAssembly cannot run', () => {
  let browser, collector;

  before(async () => {
    collector = await startCollector();
    browser = await launchShop(collector);
  });
  after(async () => {
    await browser.close();
    await collector.stop();
  });

  const works = async (t, missing, headers) => {
    collector.missing = missing;
    const shop = await openShop(browser, collector);
    t.after(shop.close);
    await shop.visit(LINK, { headers });
    const { mode } = await shop.inspect();
    assert.equal(mode, 'shim');
    const visit_id = await shop.page.evaluate(() => new URLSearchParams(localStorage.tagwerk).get('visit_id'));
    await shop.page.click('#offer');
    await shop.destinations(1);
    await shop.settled();
    assert.equal(collector.events('OutboundClick', visit_id).length, 1);
    assert.equal(collector.events('PageView', visit_id).length, 1);
    assert.deepEqual(shop.errors, []);
  };

  it('a content security policy without wasm-unsafe-eval leaves the shim at work', (t) => works(t, [], { 'content-security-policy': "script-src 'self' http://t.example" }));
  it('a module that is not there, or is an HTML page, leaves the shim at work', (t) => works(t, ['wasm']));
  it('glue that is not there leaves the shim at work', (t) => works(t, ['js']));

  it('trusted types do not disturb the tag', async (t) => {
    collector.missing = [];
    const shop = await openShop(browser, collector);
    t.after(shop.close);
    await shop.visit(LINK, { headers: { 'content-security-policy': "require-trusted-types-for 'script'; trusted-types 'none'" } });
    const { mode, problems } = await shop.inspect();
    assert.equal(mode, 'wasm', problems.join());
    assert.deepEqual([problems, shop.errors], [[], []]);
  });
});

describe('links that nobody has used yet', () => {
  let browser, collector, shop;

  before(async () => {
    collector = await startCollector();
    browser = await launchShop(collector);
  });
  beforeEach(async () => (shop = await openShop(browser, collector)));
  afterEach(() => shop.close());
  after(async () => {
    await browser.close();
    await collector.stop();
  });
  const decorated = (count) => shop.page.waitForFunction((count) => document.querySelectorAll('[href*="cid="]').length === count, count);

  it('get ids at idle, those inserted later too, each its own', async () => {
    await shop.visit('<div id="stage"></div>' + `<a href="${OFFER}">a</a>`.repeat(40) + '<a href="/about">b</a>');
    await decorated(40);
    await shop.page.evaluate((offer) => (document.querySelector('#stage').innerHTML = `<a href="${offer}">a</a><a rel="Digistore24" href="/go/1">b</a>`), OFFER);
    await decorated(42);
    const ids = await shop.page.$$eval('[href*="cid="]', (links) => links.map((link) => new URL(link.href).searchParams.get('cid')));
    assert.equal(new Set(ids).size, 42);
    assert.ok(ids.every(isClickId));
  });

  it('are bounded: the rest gets its ids at use', async () => {
    await shop.visit(`<a href="${OFFER}">a</a>`.repeat(300) + LINK);
    await decorated(50);
    await shop.page.hover('#offer');
    await decorated(51);
  });
});

// What the tag remembers and tells, and which links it decorates by itself: in both modes where the mode matters. Pages that
// make it hard and consent are in tests/engines.
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

    it('a clock that was ahead keeps no visit alive', async () => {
      await open();
      await shop.visit(LINK);
      const { visit_id: first } = await shop.inspect();
      await shop.visit(LINK, { head: `<script>{
        const record = new URLSearchParams(localStorage.tagwerk);
        record.set('seen', Date.now() + 86400000);
        localStorage.tagwerk = record;
      }</script><script async src="${collector.script}"></script>` });
      assert.notEqual((await shop.inspect()).visit_id, first);
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

    it('an id takes the place of its token, and every click gives it another', async () => {
      await open();
      const places = ['http://partner.example/?s=tw_', `${OFFER}?sid1=`];
      await shop.visit(places.map((place, index) => `<a id="offer${index}" target="_blank" href="${place}--CLICK-ID--&x">Buy</a>`).join(' '));
      const { visit_id } = await shop.inspect();
      const ids = [];
      for (const [index, place] of [...places.entries(), ...places.entries()]) {
        await shop.page.hover(`#offer${index}`);
        const shown = await shop.page.getAttribute(`#offer${index}`, 'href');
        await shop.page.click(`#offer${index}`);
        const address = (await shop.destinations(ids.length + 1)).at(-1);
        ids.push(address.slice(place.length, place.length + 32));
        assert.equal(address, `${place}${ids.at(-1)}&x`);
        assert.equal(shown, address, 'what is shown is what opens');
      }
      assert.ok(ids.every(isClickId) && new Set(ids).size === 4, `${ids}`);
      await shop.settled();
      assert.deepEqual(collector.events('OutboundClick', visit_id).map((event) => event.click_id), ids);
    });

    it("somebody else's sub-id behind an empty one stays", async () => {
      await open();
      const address = `${OFFER}?cid=&cid=partner`;
      await shop.visit(LINK.replace(OFFER, address));
      await shop.page.hover('#offer');
      assert.equal(await shop.page.getAttribute('#offer', 'href'), address);
    });

    it('a click with the middle button, as browsers without `auxclick` tell it, counts', async () => {
      await open();
      await shop.visit(LINK);
      const { visit_id } = await shop.inspect();
      await shop.page.$eval('#offer', (link) => link.dispatchEvent(new MouseEvent('click', { button: 1, bubbles: true, cancelable: true, composed: true })));
      const [address] = await shop.destinations(1);
      await shop.settled();
      assert.deepEqual(collector.events('OutboundClick', visit_id).map((event) => event.click_id), [new URL(address).searchParams.get('cid')]);
    });

    it('after a withdrawal links get ids of a visit that nobody was told of', async () => {
      await open();
      await shop.visit(LINK);
      await shop.settled();
      const { visit_id } = await shop.inspect();
      assert.equal((await hovered()).slice(0, 16), visit_id);
      await shop.page.evaluate(() => tagwerk('consent', 'denied'));
      const id = await hovered();
      assert.ok(isClickId(id));
      assert.notEqual(id.slice(0, 16), visit_id);
      assert.notEqual((await shop.inspect()).visit_id, visit_id);
    });

    it('what waited for consent belongs to the visit that consent brings back', async () => {
      await open();
      await shop.visit(LINK);
      await shop.settled();
      const { visit_id } = await shop.inspect();
      collector.settings = { consent: 'required' };
      await shop.visit(LINK);
      const id = await shop.page.evaluate(() => tagwerk('trigger', 'Early'));
      assert.equal((await shop.inspect()).events.find((event) => event.event_id === id).state, 'held');
      await shop.page.evaluate(() => tagwerk('consent', 'granted'));
      assert.equal((await collector.seen((event) => event.event_id === id)).visit_id, visit_id);
    });

    it('a request that fails after a withdrawal is not made again', async () => {
      await open();
      await shop.visit(LINK);
      await shop.settled();
      const sent = await shop.page.evaluate(async () => {
        const beacons = [];
        navigator.sendBeacon = (url, body) => beacons.push(body);
        let fail;
        window.fetch = () => new Promise((_, reject) => (fail = reject));
        tagwerk('trigger', 'Lost');
        const failed = fail;
        tagwerk('consent', 'denied');
        failed(new Error('gone'));
        // What the tag does then it does before the next task.
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        return [beacons, { ...localStorage }];
      });
      assert.deepEqual(sent, [[], {}]);
    });

    it('a page whose own `fetch` throws, and whose console is gone, hears of nothing', async () => {
      await open();
      await shop.visit(LINK, { head: `<script>window.fetch = () => { throw new Error('theirs') }; window.console = {}</script><script async src="${collector.script}"></script>` });
      assert.equal(await shop.page.evaluate(() => tagwerk('ready')), 'shim');
      assert.equal(await shop.page.evaluate(() => tagwerk('dance')), undefined);
      await shop.page.click('#offer');
      const [address] = await shop.destinations(1);
      assert.ok(isClickId(new URL(address).searchParams.get('cid')));
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
    await shop.visit('<div id="stage"></div>' + `<a href="${OFFER}">a</a>`.repeat(15) + '<a href="/about">b</a>');
    await decorated(15);
    await shop.page.evaluate((offer) => (document.querySelector('#stage').innerHTML = `<a href="${offer}">a</a><a rel="Digistore24" href="/go/1">b</a>`), OFFER);
    await decorated(17);
    const ids = await shop.page.$$eval('[href*="cid="]', (links) => links.map((link) => new URL(link.href).searchParams.get('cid')));
    assert.equal(new Set(ids).size, 17);
    assert.ok(ids.every(isClickId));
  });

  it('are bounded: the rest gets its ids at use', async () => {
    await shop.visit(`<a href="${OFFER}">a</a>`.repeat(300) + LINK);
    await decorated(20);
    await shop.page.hover('#offer');
    await decorated(21);
  });
});

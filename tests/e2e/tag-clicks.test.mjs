// Which gestures open an offer, what the offer gets, and what the collector is told: in both modes of the tag.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startCollector } from './collector.mjs';
import { MODES, PAGE, isClickId, launchShop, openShop } from './shop.mjs';

const OFFER = 'http://www.digistore24.com/redir/1/a?u=/a,b&sig=x+y%20z&%E9={m}&flag#top';
const LINK = `<a id="offer" href="${OFFER}">Buy <b id="inside">the course</b></a>`;
const SVG = (href) => `<svg width="99" height="99"><a id="offer" ${href}="${OFFER}"><rect id="inside" width="99" height="99"/></a></svg>`;

const click = (options) => (page) => page.click('#offer', options);
const on = (type, code, target = 'link', capture = false) => `<script>
  const link = document.querySelector('#offer');
  (${target}).addEventListener('${type}', (event) => { ${code} }, ${capture});
</script>`;

/** Each row: a page, what the visitor does, how many offers that opens (1 unless told), whether beside the page, and how the tag
 * says it happened. */
const GESTURES = [
  { name: 'left click', act: click(), how: 'left' },
  { name: 'click on a child of the link', act: (page) => page.click('#inside'), how: 'left' },
  { name: 'ctrl and click', act: click({ modifiers: ['Control'] }), how: 'modified', beside: true },
  { name: 'shift and click', act: click({ modifiers: ['Shift'] }), how: 'modified', beside: true },
  { name: 'middle click', act: click({ button: 'middle' }), how: 'middle', beside: true },
  {
    name: 'middle click twice in a row',
    opens: 2,
    beside: true,
    how: 'middle',
    act: async (page) => {
      await page.click('#offer', { button: 'middle' });
      await page.click('#offer', { button: 'middle' });
    },
  },
  {
    name: 'ctrl and click twice in a row',
    opens: 2,
    beside: true,
    how: 'modified',
    act: async (page) => {
      await page.click('#offer', { modifiers: ['Control'] });
      await page.click('#offer', { modifiers: ['Control'] });
    },
  },
  { name: 'Enter', act: (page) => page.press('#offer', 'Enter'), how: 'keyboard' },
  { name: 'target=_blank', body: LINK.replace('<a', '<a target="_blank"'), act: click(), how: 'left', beside: true },
  {
    name: 'a link inserted later',
    body: '<p id="stage"></p>',
    how: 'left',
    act: async (page) => {
      await page.evaluate((link) => (document.querySelector('#stage').innerHTML = link), LINK);
      await page.click('#offer');
    },
  },
  {
    name: 'a link inserted and clicked by a script in one task',
    body: '<p id="stage"></p>',
    how: 'script',
    act: (page) =>
      page.evaluate((link) => {
        document.querySelector('#stage').innerHTML = link;
        document.querySelector('#offer').click();
      }, LINK),
  },
  {
    name: 'an address that the page changes after decoration',
    body: LINK.replace(OFFER, 'http://www.digistore24.com/redir/9/z'),
    how: 'left',
    act: async (page) => {
      await page.hover('#offer');
      await page.evaluate((href) => document.querySelector('#offer').setAttribute('href', href), OFFER);
      await page.click('#offer');
    },
  },
  { name: 'an address that the page changes on mousedown', body: LINK + on('mousedown', `link.setAttribute('href', ${JSON.stringify(OFFER)})`), act: click(), how: 'left' },
  { name: 'stopPropagation by the page', body: LINK + on('click', 'event.stopPropagation()'), act: click(), how: 'left' },
  { name: 'stopImmediatePropagation by the page, early', body: LINK + on('click', 'event.stopImmediatePropagation()', 'document', true), act: click(), how: 'left' },
  { name: 'preventDefault by the page', body: LINK + on('click', 'event.preventDefault()'), act: click(), opens: 0 },
  { name: 'preventDefault by the page, as late as can be', body: LINK + on('click', 'event.preventDefault()', 'window'), act: click(), opens: 0 },
  { name: 'right click', act: click({ button: 'right' }), opens: 0 },
  { name: 'a key that opens nothing', act: (page) => page.press('#offer', 'Shift'), opens: 0 },
  { name: 'SVG link', body: SVG('href'), act: (page) => page.click('#inside'), how: 'left' },
  { name: 'SVG link with xlink:href', body: SVG('xlink:href'), act: (page) => page.click('#inside'), how: 'left' },
  {
    name: 'image map',
    body: `<map name="m"><area id="offer" shape="default" href="${OFFER}"></map><img id="inside" usemap="#m" width="99" height="99"
      src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==">`,
    act: (page) => page.click('#inside'),
    how: 'left',
  },
  {
    name: 'open shadow root, in another one',
    body: `<div id="host"></div><script>
      const inner = document.querySelector('#host').attachShadow({ mode: 'open' });
      inner.innerHTML = '<p></p>';
      inner.firstChild.attachShadow({ mode: 'open' }).innerHTML = ${JSON.stringify(LINK)};
    </script>`,
    act: click(),
    how: 'left',
  },
  { name: 'a relative address on a page with a base', body: '<base href="http://www.digistore24.com/redir/"><a id="offer" href="1/a">Buy the course</a>', act: click(), how: 'left', offer: 'http://www.digistore24.com/redir/1/a' },
];

/** The address without its click id, and the id. */
function taken(address) {
  const url = new URL(address);
  const id = url.searchParams.get('cid');
  return [address.replace(`&cid=${id}`, '').replace(`?cid=${id}`, ''), id];
}

for (const mode of MODES) {
  describe(`clicks, ${mode}`, () => {
    let browser, collector;

    before(async () => {
      collector = await startCollector();
      browser = await launchShop(collector);
    });
    after(async () => {
      await browser.close();
      await collector.stop();
    });

    for (const { name, body = LINK, act, opens = 1, beside, how, offer = OFFER } of GESTURES) {
      it(name, { timeout: 20_000 }, async (t) => {
        const shop = await openShop(browser, collector, { mode });
        t.after(shop.close);
        await shop.visit(body);
        const report = await shop.inspect();
        const { visit_id } = report;
        assert.equal(report.mode, mode, JSON.stringify(report));
        await act(shop.page);
        const addresses = await shop.destinations(opens);
        // Where the offer took the shop's place, the shop is opened again: what a page could not deliver, the next one does.
        if (opens && !beside) {
          await shop.page.waitForURL((url) => url.href !== PAGE);
          await shop.visit(body);
        }
        await shop.settled();

        assert.equal(addresses.length, opens);
        const ids = addresses.map((address) => {
          const [rest, id] = taken(address);
          assert.equal(rest, offer.split('#')[0], 'every other byte stays');
          assert.ok(isClickId(id), `${address} carries a click id`);
          return id;
        });
        assert.equal(new Set(ids).size, ids.length, 'every click has an id of its own');
        const events = collector.events('OutboundClick', visit_id);
        assert.deepEqual(events.map((event) => event.click_id).sort(), ids.sort());
        for (const event of events) {
          assert.equal(event.event_id, event.click_id);
          assert.equal(event.group, 'digistore24');
          assert.equal(event.how, mode === 'wasm' ? how : 'early');
          assert.equal(event.page, PAGE);
          assert.equal(taken(new URL(event.href, 'http://www.digistore24.com/redir/').href)[0], offer);
          if (body.includes('the course')) assert.equal(event.label, 'Buy the course');
        }
        assert.deepEqual(shop.errors, []);
      });
    }

    it('a right click gives the link an id, so that a copied address has one', { timeout: 20_000 }, async (t) => {
      const shop = await openShop(browser, collector, { mode });
      t.after(shop.close);
      await shop.visit(LINK);
      await shop.page.evaluate(() => document.querySelector('#offer').dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, composed: true, button: 2 })));
      const [rest, id] = taken(await shop.page.getAttribute('#offer', 'href'));
      assert.equal(rest, OFFER);
      assert.ok(isClickId(id));
    });

    it('somebody else\'s sub-id stays, and its click is told as foreign', { timeout: 20_000 }, async (t) => {
      const shop = await openShop(browser, collector, { mode });
      t.after(shop.close);
      const foreign = 'http://www.digistore24.com/redir/1/a?cid=partner-7';
      await shop.visit(`<a id="offer" target="_blank" href="${foreign}">Buy</a>`);
      const { visit_id } = await shop.inspect();
      await shop.page.click('#offer');
      assert.deepEqual(await shop.destinations(1), [foreign]);
      await shop.settled();
      const [event, ...others] = collector.events('OutboundClick', visit_id);
      assert.deepEqual(others, []);
      assert.equal(event.foreign, '1');
      assert.equal(event.href, foreign);
      assert.ok(isClickId(event.click_id));
    });

    it('a link of nobody\'s is left alone and not reported', { timeout: 20_000 }, async (t) => {
      const shop = await openShop(browser, collector, { mode });
      t.after(shop.close);
      await shop.visit('<a id="offer" target="_blank" href="http://example.com/?q=1">read</a>');
      const { visit_id } = await shop.inspect();
      await shop.page.click('#offer');
      assert.deepEqual(await shop.destinations(1), ['http://example.com/?q=1']);
      await shop.settled();
      assert.deepEqual(collector.events('OutboundClick', visit_id), []);
    });

    it('a click dispatched on the document disturbs nobody', { timeout: 20_000 }, async (t) => {
      const shop = await openShop(browser, collector, { mode });
      t.after(shop.close);
      await shop.visit(LINK);
      await shop.page.evaluate(() => {
        document.dispatchEvent(new MouseEvent('click', { bubbles: true }));
        window.dispatchEvent(new Event('click'));
      });
      await shop.settled();
      assert.deepEqual(shop.errors, []);
      assert.deepEqual((await shop.inspect()).problems.filter((problem) => !problem.includes('WebAssembly')), []);
    });
  });
}

describe('a click before the WebAssembly part has come', () => {
  it('is told by the shim, and its link gets another id from the module', { timeout: 20_000 }, async (t) => {
    const collector = await startCollector();
    const browser = await launchShop(collector);
    t.after(async () => {
      await browser.close();
      await collector.stop();
    });
    let open;
    collector.gate = new Promise((resolve) => (open = resolve));
    const shop = await openShop(browser, collector);
    await shop.visit(LINK.replace('<a', '<a target="_blank"'), { wait: false });
    await shop.page.waitForFunction(() => window.tagwerk?.loaded);
    await shop.page.click('#offer');
    const [first] = await shop.destinations(1);
    open();
    await shop.working();
    await shop.page.click('#offer');
    const [, second] = await shop.destinations(2);
    await shop.settled();
    const events = collector.events('OutboundClick');
    assert.deepEqual(events.map((event) => event.how).sort(), ['early', 'left']);
    assert.deepEqual(events.map((event) => event.click_id).sort(), [taken(first)[1], taken(second)[1]].sort());
    assert.notEqual(taken(first)[1], taken(second)[1]);
    assert.equal(collector.events('PageView').length, 1);
  });
});

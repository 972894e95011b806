// The extension as a guest: it leaves no trace on the page, asks nobody for anything, and says where it may not look.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startHelper } from './helper.mjs';
import { BODY, OFFER, settled, startPages } from './pages.mjs';

const PICTURES = fileURLToPath(new URL('../../target/extension/', import.meta.url));
const test = (name, run) => it(name, { timeout: 60_000 }, run);

describe('the helper extension on a page', () => {
  let pages, helper;
  before(async () => {
    pages = await startPages();
    helper = await startHelper(pages.world);
    await pages.set({ pixels: ['meta'] });
  });
  after(async () => {
    await helper?.stop();
    await pages?.stop();
  });

  const open = (options) => pages.open(helper.context, { init: () => (window.fbq = Object.assign((...args) => window.fbq.queue.push(args), { queue: [] })), ...options });

  /** Has a page write down everything that happens to its document, also in open shadow roots, and every request it makes. */
  const watch = (page) =>
    page.evaluate(() => {
      window.witnessed = [];
      const roots = [document, ...[...document.querySelectorAll('*')].flatMap(({ shadowRoot }) => shadowRoot ?? [])];
      for (const root of roots) new MutationObserver((records) => window.witnessed.push(...records.map(({ type, target, attributeName }) => [type, target.nodeName, attributeName]))).observe(root, { subtree: true, childList: true, attributes: true, characterData: true });
      window.styleSheetsBefore = document.styleSheets.length;
      window.namesBefore = Object.getOwnPropertyNames(window).length;
      window.htmlBefore = document.documentElement.outerHTML;
    });
  const traces = (page) =>
    page.evaluate(() => ({
      mutations: window.witnessed,
      sheets: document.styleSheets.length - window.styleSheetsBefore + document.adoptedStyleSheets.length,
      // The three names above came before the count but for the last two.
      names: Object.getOwnPropertyNames(window).length - window.namesBefore - 2,
      isSame: document.documentElement.outerHTML === window.htmlBefore,
    }));
  const outline = (page, selector) => page.evaluate((css) => getComputedStyle(document.querySelector(css)).outlineStyle, selector);

  test('leaves no trace in it: not by looking, not by pointing out links, not by going', async () => {
    const page = await open({ body: `${BODY}<div id="host"></div><script>host.attachShadow({ mode: 'open' }).innerHTML = '<a href="${OFFER}3">In the shadow</a>'</script><iframe srcdoc="<p>in a frame"></iframe>` });
    await settled(page);
    await watch(page);
    const { view, links, text } = await helper.look(page);
    assert.deepEqual(links.map(({ text }) => text), ['Buy the course', 'In the shadow'], text);

    await view.hover('.link >> nth=0');
    await page.waitForFunction(() => getComputedStyle(document.querySelector('#offer')).outlineStyle === 'solid');
    await view.hover('.link >> nth=1');
    await page.waitForFunction(() => getComputedStyle(document.querySelector('#host')).outlineStyle === 'solid');
    assert.equal(await outline(page, '#offer'), 'none', 'one link at a time is pointed out');
    await view.hover('h1');
    await page.waitForFunction(() => getComputedStyle(document.querySelector('#host')).outlineStyle === 'none');
    await view.hover('.link >> nth=0');
    await page.waitForFunction(() => getComputedStyle(document.querySelector('#offer')).outlineStyle === 'solid');
    await view.close();
    await page.waitForFunction(() => getComputedStyle(document.querySelector('#offer')).outlineStyle === 'none');

    assert.deepEqual(await traces(page), { mutations: [], sheets: 0, names: 0, isSame: true });
    await page.close();
  });

  test('scrolls to a link that is clicked in the list, and to no other', async () => {
    const page = await open({ body: `<div style="height:3000px">far above</div>${BODY}` });
    await settled(page);
    const { view } = await helper.look(page);
    await view.hover('.link');
    await page.waitForFunction(() => getComputedStyle(document.querySelector('#offer')).outlineStyle === 'solid');
    assert.equal(await page.evaluate(() => scrollY), 0);
    await view.click('.link');
    await page.waitForFunction(() => scrollY > 500);
    await view.close();
    await page.close();
  });

  test('asks nobody for anything; the page itself loads what makes the report, and no more', async () => {
    const page = await open({});
    await settled(page);
    await page.waitForLoadState('networkidle');
    const before = pages.world.asked.length;
    const { view } = await helper.look(page);
    await view.click('#again');
    await view.waitForSelector('main[aria-busy=false]');
    const asked = pages.world.asked.slice(before).filter(({ url }) => !url.endsWith('/favicon.ico'));
    assert.deepEqual(asked.map(({ url }) => new URL(url).pathname.replace(/\.[0-9a-f]{12}\./, '.')).sort(), ['/assets/inspect.js', '/assets/inspect.wasm']);
    assert.deepEqual(asked.filter(({ origin }) => origin !== new URL(page.url()).origin), []);
    assert.deepEqual(helper.left, []);
    await view.close();
    await page.close();
  });

  test('is kept from asking by its own policy', async () => {
    const page = await open({});
    const { view } = await helper.look(page);
    const refused = await view.evaluate(() => fetch('http://t.example/').then(() => 'answered', (error) => error.name));
    assert.equal(refused, 'TypeError');
    await view.close();
    await page.close();
  });

  test('sees nothing of a page whose button was not pressed', async () => {
    const page = await open({});
    const other = await open({});
    const { view } = await helper.look(other);
    const [known, told] = await view.evaluate(async (url) => {
      const tabs = await chrome.tabs.query({});
      const answers = await Promise.all(tabs.map(({ id }) => chrome.scripting.executeScript({ target: { tabId: id }, func: () => location.href }).then(([{ result }]) => result, (error) => error.message)));
      return [tabs.filter((tab) => tab.url === url).length, answers.includes(url)];
    }, page.url());
    assert.deepEqual([known, told], [0, false]);
    await view.close();
    await other.close();
    await page.close();
  });

  test('tells what the visit is known by, what was sent, and what the pixels were told', async () => {
    const page = await open({ query: '?utm_source=news&gclid=Cj0KCQ' });
    await settled(page);
    await page.click('#offer', { modifiers: ['ControlOrMeta'] });
    await page.waitForFunction(() => window.fbq.queue.length > 0 && !localStorage.getItem('tagwerk.outbox'));
    const { view, text } = await helper.look(page);
    for (const part of ['utm_source news', 'gclid Cj0KCQ', 'OutboundClick', 'answer 204', 'on the server', 'The tag told it: OutboundClick', '["trackCustom","OutboundClick"', 'site ' && pages.site]) assert.ok(text.includes(part), `${part} in ${text}`);
    await view.close();
    await page.close();
  });

  test('lists the frames, and says of another site\'s that it does not look into it', async () => {
    pages.world.pages.set('http://framed.example/in', { html: `<a href="${OFFER}">Framed</a>` });
    const page = await open({ body: `${BODY}<iframe src="http://framed.example/in"></iframe><iframe srcdoc="<p>mine"></iframe>` });
    await settled(page);
    const { view, text, problems } = await helper.look(page);
    assert.deepEqual(problems, []);
    assert.match(text, /another site'shttp:\/\/framed\.example\/in/);
    assert.match(text, /no tagabout:srcdoc/);
    await view.close();
    await page.close();
  });

  test('shows in the popup what it shows in a window of its own, in the room that a popup has', async () => {
    const page = await open({ body: `${BODY}${pages.line}` });
    await settled(page);
    await helper.press(page);
    mkdirSync(PICTURES, { recursive: true });
    const shown = await helper.inPopup("({ text: document.querySelector('main').textContent, width: innerWidth, height: innerHeight, wide: document.documentElement.scrollWidth })", `${PICTURES}popup.png`);
    const { view } = await helper.openWindow(page);
    assert.equal(shown.text, (await helper.read(view)).text);
    assert.ok(shown.width >= 440 && shown.wide <= shown.width && shown.height <= 600, JSON.stringify({ ...shown, text: '' }));
    await view.close();
    await page.close();
  });

  test('shows hostile texts as texts', async () => {
    const page = await open({ body: `${BODY}<a href="${OFFER}9">&lt;img src=x onerror=alert(1)&gt;</a><a href="${OFFER}8">\u202Eegnahc${'x'.repeat(500)}</a>` });
    await settled(page);
    const { view, links } = await helper.look(page);
    assert.equal(links[1].text, '<img src=x onerror=alert(1)>');
    assert.equal(await view.evaluate(() => document.querySelectorAll('main img').length), 0);
    await view.setViewportSize({ width: 440, height: 600 });
    assert.ok(await view.evaluate(() => document.documentElement.scrollWidth <= 440), 'nothing is wider than the popup');
    await view.close();
    await page.close();
  });

  test('copies the report as a text', async () => {
    await helper.context.grantPermissions(['clipboard-read', 'clipboard-write']);
    const page = await open({ query: '?utm_source=news&gclid=Cj0KCQ-a-long-ad-click-id' });
    await settled(page);
    const { view } = await helper.look(page);
    await view.bringToFront();
    await view.click('#copy');
    await view.waitForFunction(() => document.querySelector('#said').value === 'Copied.');
    const text = await view.evaluate(() => navigator.clipboard.readText());
    assert.match(text, new RegExp(`^Tagwerk Helper [\\d.]+,[^]*site: ${pages.site} at http://t\\.example[^]*gclid=Cj0KCQ… \\(25 characters\\)`));
    await view.close();
    await page.close();
  });

  test('says so where the browser lets no extension look', async () => {
    const page = await helper.context.newPage();
    await page.goto('chrome://version/');
    await helper.press(page);
    const view = await helper.context.newPage();
    await view.goto(`chrome-extension://${helper.id}/popup.html?tab=-1`);
    const tab = await view.evaluate(async () => (await chrome.tabs.query({ index: 1 }))[0]?.id ?? (await chrome.tabs.query({}))[0].id);
    const ids = await view.evaluate(async () => (await chrome.tabs.query({})).map(({ id }) => id));
    const said = [];
    for (const id of ids.length > 0 ? ids : [tab]) {
      await view.goto(`chrome-extension://${helper.id}/popup.html?tab=${id}`);
      await view.waitForSelector('main[aria-busy=false]', { state: 'attached' });
      said.push((await helper.read(view)).about);
    }
    assert.ok(said.some((sentence) => /page of the browser itself/.test(sentence)), said.join('\n'));
    await view.close();
    await page.close();
  });

  test('keeps a line that was pasted for that host alone, and lets go of it', async () => {
    const page = await open({ host: 'kept.example' });
    await settled(page);
    const { view } = await helper.look(page);
    await view.click('#options > summary');
    await view.fill('#line', 'nonsense');
    await view.click('#expect button');
    assert.equal(await view.inputValue('#line'), 'nonsense');
    await view.waitForFunction(() => /no line of a tag/.test(document.querySelector('#said').value));
    await view.fill('#line', pages.line);
    await view.click('#expect button');
    await view.waitForFunction(() => document.querySelector('#said').value === 'Kept.');
    assert.deepEqual(await view.evaluate(() => chrome.storage.local.get()), { 'kept.example': { address: pages.script, origin: 'http://t.example', site_id: pages.site } });
    await view.fill('#line', '');
    await view.click('#expect button');
    await view.waitForFunction(() => /Nothing is expected/.test(document.querySelector('#said').value));
    assert.deepEqual(await view.evaluate(() => chrome.storage.local.get()), {});
    await view.close();
    await page.close();
  });

  for (const scheme of ['light', 'dark']) {
    test(`has its picture taken, ${scheme}`, async () => {
      mkdirSync(PICTURES, { recursive: true });
      const shoot = async (name, options) => {
        const page = await open(options);
        if (options.tag !== false) await settled(page, { sent: false });
        const { view } = await helper.look(page);
        await view.emulateMedia({ colorScheme: scheme });
        await view.setViewportSize({ width: 440, height: 600 });
        await view.screenshot({ path: `${PICTURES}${name}-${scheme}.png`, fullPage: true });
        assert.ok(await view.evaluate(() => document.documentElement.scrollWidth <= 440));
        await view.close();
        await page.close();
      };
      await shoot('good', { query: '?utm_source=news&gclid=Cj0KCQ' });
      await shoot('broken', { body: `${BODY}${pages.line}<a href="${OFFER}2?cid=blog">Mine</a><a href="http://elsewhere.example/" data-tracking-group="digistore42">Typo</a><iframe src="http://www.checkout-ds24.com/product/7"></iframe>`, headers: { 'content-security-policy': "connect-src http://t.example" } });
      await shoot('none', { head: '', tag: false });
    });
  }
});

// What the extension does by itself where somebody has let it: the badge, and frames of other sites.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startHelper, until } from './helper.mjs';
import { BODY, OFFER, settled, startPages } from './pages.mjs';

const test = (name, run) => it(name, { timeout: 60_000 }, run);

describe('the helper extension that may look everywhere', () => {
  let pages, helper, view;
  before(async () => {
    pages = await startPages();
    helper = await startHelper(pages.world, { everywhere: true });
    view = await helper.context.newPage();
    await view.goto(`chrome-extension://${helper.id}/popup.html?tab=-1`);
  });
  after(async () => {
    await helper?.stop();
    await pages?.stop();
  });

  const tabOf = (page) => view.evaluate(async (url) => (await chrome.tabs.query({})).find((tab) => tab.url === url)?.id, page.url());
  const title = async (page) => view.evaluate((tabId) => chrome.action.getTitle({ tabId }), await tabOf(page));
  const badge = async (page) => helper.badge(view, await tabOf(page));

  test('counts the tagged links of a page without anybody pressing the button', async () => {
    const page = await pages.open(helper.context, { body: `${BODY}<a href="${OFFER}2">Another</a>` });
    await until(async () => (await badge(page)) === '2');
    assert.match(await title(page), /2 links are tagged/);
    await page.close();
  });

  test('counts what is broken', async () => {
    const page = await pages.open(helper.context, { headers: { 'content-security-policy': "script-src 'none'" }, tag: false });
    await until(async () => (await badge(page)) === '1');
    assert.match(await title(page), /1 broken/);
    await page.close();
  });

  test('says nothing on a page that has nothing to do with Tagwerk', async () => {
    const page = await pages.open(helper.context, { head: '', tag: false });
    await until(async () => /No Tagwerk tag/.test(await title(page)));
    assert.equal(await badge(page), '');
    await page.close();
  });

  test('finds offers in another site\'s frame that has no tag', async () => {
    pages.world.pages.set('http://framed.example/offers', { html: `<a href="${OFFER}">Framed</a>` });
    const page = await pages.open(helper.context, { body: `${BODY}<iframe src="http://framed.example/offers"></iframe>` });
    await settled(page);
    const seen = await helper.look(page);
    assert.deepEqual(seen.problems.map(({ id }) => id), ['frame_links'], seen.text);
    assert.match(seen.problems[0].text, /http:\/\/framed\.example\/offers/);
    await seen.view.close();
    await page.close();
  });

  test('shows that it may, under Options', async () => {
    const page = await pages.open(helper.context, {});
    await settled(page);
    const seen = await helper.look(page);
    assert.equal(await seen.view.inputValue('#when'), 'everywhere');
    await seen.view.close();
    await page.close();
  });
});

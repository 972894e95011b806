// Today in a real browser: what arrives shows as it arrives, charts are drawn and can be read without a mouse.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { launch } from './browser.mjs';
import { startServer } from './server.mjs';

const AD = 'utm_source=google&utm_medium=cpc&utm_campaign=spring';

describe('today', () => {
  let browser, server, context, page, problems;

  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());
  beforeEach(async () => {
    server = await startServer();
    context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    page = await context.newPage();
    problems = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => { if (message.type() === 'error') problems.push(message.text()); });
    const link = server.printed.map((line) => /^sign in once:\s*(.*)$/.exec(line)?.[1]).find(Boolean);
    await page.goto(link);
    await page.getByRole('button').first().click();
    await page.waitForURL((url) => url.pathname.startsWith('/sites/'));
  });
  afterEach(async () => {
    await context.close();
    await server.stop();
  });

  const visitor = async () => {
    const other = await browser.newContext();
    const shop = await other.newPage();
    const reported = shop.waitForResponse((answer) => answer.url().endsWith('/event') && answer.status() === 204);
    await shop.goto(`${server.url}/demo?${AD}`);
    await reported;
    await other.close();
  };
  const live = () => page.waitForSelector('.live-state[data-live="on"]');
  const shown = async () => {
    await visitor();
    await page.waitForSelector('[data-figure="visits"]');
    await live();
  };

  it('an empty page turns into a full one by itself when the first visit arrives', async () => {
    assert.match(await page.innerText('main'), /Nothing has come yet/);
    await live();
    await visitor();
    await page.waitForSelector('.feed-entry.visit');
    await page.waitForSelector('[data-figure="visits"]');
    assert.equal(await page.innerText('[data-figure="visits"]'), '1');
    assert.deepEqual(problems, []);
  });

  it('a visit shows as it arrives, the figures follow, and screen readers are told how many', async () => {
    await shown();
    const before = await page.locator('.feed-entry.visit').count();
    await visitor();
    await page.waitForFunction((count) => document.querySelectorAll('.feed-entry.visit').length === count, before + 1);
    assert.match(await page.innerText('.feed-entry >> nth=0'), /google \/ cpc \/ spring/);
    await page.waitForFunction(() => document.querySelector('[data-figure="visits"]').textContent.trim() === '2');
    await page.waitForFunction(() => /^1 new: 1 visit$/.test(document.getElementById('said').textContent));
    assert.deepEqual(problems, []);
  });

  it('what is paused stays as it is and catches up when it goes on', async () => {
    await shown();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.waitForSelector('.live-state[data-live="off"]');
    await visitor();
    assert.equal(await page.locator('.feed-entry.visit').count(), 1);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.feed-entry.visit').length === 2);
  });

  it('charts are drawn, tell their values by the arrow keys, and hide a line by its button', async () => {
    await shown();
    await page.waitForSelector('.chart canvas');
    assert.equal(await page.locator('.chart canvas').count(), 2);
    const plot = page.locator('[data-chart="course-visits"] .chart-plot');
    await plot.focus();
    await page.keyboard.press('Home');
    assert.match(await plot.getAttribute('aria-valuetext'), /Visits \d+, Clicks \d+/);
    const first = await plot.getAttribute('aria-valuenow');
    await page.keyboard.press('ArrowRight');
    assert.notEqual(await plot.getAttribute('aria-valuenow'), first);
    const button = page.locator('[data-chart="course-visits"] .chart-series').first();
    await button.press('Enter');
    assert.equal(await button.getAttribute('aria-pressed'), 'false');
    await page.locator('[data-chart="course-visits"] summary').click();
    assert.ok(await page.isVisible('#course-visits'), 'the same as a table');
    assert.deepEqual(problems, []);
  });

  it('a chart follows the width of the window and the colours of the system', async () => {
    await shown();
    await page.waitForSelector('.chart canvas');
    const width = () => page.evaluate(() => document.querySelector('.chart canvas').clientWidth);
    const wide = await width();
    await page.setViewportSize({ width: 380, height: 800 });
    await page.waitForFunction((was) => document.querySelector('.chart canvas').clientWidth < was, wide);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no sideways scrolling');
    await page.evaluate(() => { document.querySelector('.chart canvas').dataset.light = ''; });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.waitForFunction(() => document.querySelector('.chart canvas') && !document.querySelector('.chart canvas[data-light]'));
    assert.deepEqual(problems, []);
  });

  it('without scripts the page shows the latest and a link to load it again', async () => {
    await visitor();
    const cookies = await context.cookies();
    const plain = await browser.newContext({ javaScriptEnabled: false });
    await plain.addCookies(cookies);
    const still = await plain.newPage();
    await still.goto(`${server.url}/sites/${server.site.site_id}`);
    assert.equal(await still.locator('.feed-entry.visit').count(), 1);
    assert.ok(await still.getByRole('link', { name: 'Refresh' }).isVisible());
    assert.equal(await still.getByRole('button', { name: 'Pause' }).isVisible(), false);
    await still.getByText('As a table').first().click();
    assert.ok(await still.isVisible('#course-visits'), 'figures without a chart');
    await plain.close();
  });
});

// Connect in a real browser: what is copied works, what is waited for turns green by itself, and a test is told step by step.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { launch } from './browser.mjs';
import { startServer } from './server.mjs';

describe('connecting a network', () => {
  let browser, server, context, page;

  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());
  beforeEach(async () => {
    server = await startServer();
    context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
    page = await context.newPage();
    const link = server.printed.map((line) => /^sign in once:\s*(.*)$/.exec(line)?.[1]).find(Boolean);
    await page.goto(link);
    await page.getByRole('button').first().click();
    await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
  });
  afterEach(async () => {
    await context.close();
    await server.stop();
  });

  const open = (path) => page.goto(`${server.url}/sites/${server.site.site_id}${path}`);
  const green = (id) => page.locator(`[data-milestone="${id}"].done`).first();

  it('the copied postback URL takes a real sale, and the page that waits for it turns green', async () => {
    await open('/connect/digistore24');
    await page.getByRole('button', { name: 'Copy Affiliate Postback URL' }).click();
    await page.waitForFunction(() => document.getElementById('said').textContent === 'Copied');
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, new RegExp(`^${server.url}/[A-Za-z0-9]{24}/collect/digistore24\\?cid=\\{cid\\}&`));
    assert.equal(await green('real-collect').count(), 0);

    const said = { transaction_id: 'copied-1', transaction_type: 'payment', amount_brutto: '165.19', amount_netto: '163.55', currency: 'EUR' };
    const url = copied.replace(/\{(\w+)\}/g, (macro, name) => said[name] ?? macro);
    assert.equal((await fetch(url)).status, 200);
    await green('real-collect').waitFor();
    assert.match(await green('real-collect').innerText(), /last .*UTC/);
    assert.equal(await page.textContent('#said'), 'Real postbacks arrive');
  });

  it('the tag and a click are seen from the page that waits for them', async () => {
    await open('/connect');
    assert.equal(await page.locator('[data-milestone].done').count(), 0);
    const shop = await context.newPage();
    await shop.goto(`${server.url}/demo?utm_source=google`);
    await page.bringToFront();
    await green('tag').waitFor();
    await shop.bringToFront();
    await shop.hover('#promolink');
    await shop.click('#promolink');
    await server.listed('clicks', 1);
    await page.bringToFront();
    await green('click').waitFor();
    assert.equal(await green('sale').count(), 0);
  });

  it('a test is sent by a button, told step by step, and counts nowhere', async () => {
    await open('/connect/digistore24');
    await page.locator('#way-affiliate').getByRole('button', { name: 'Send a test postback' }).click();
    await page.getByText('It works.').waitFor();
    const told = await page.innerText('#test');
    for (const step of ['Received', 'Read', 'Type', 'Purchase', 'Value', '1.64 EUR', 'Credited to', 'Would be sent to']) {
      assert.ok(told.includes(step), step);
    }
    const [conversion] = await server.list('conversions');
    assert.equal(conversion.state, 'test');
    assert.equal(await page.locator(`#test a[href$="/conversions/${conversion.id}"]`).count(), 1);
    assert.equal(await green('real-collect').count(), 0, 'a test is not what is waited for');
    await open('/connect');
    await green('test').waitFor();
  });

  it('without a script, a link looks again', async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false, storageState: await context.storageState() });
    const page = await plain.newPage();
    await page.goto(`${server.url}/sites/${server.site.site_id}/connect`);
    const shop = await context.newPage();
    await shop.goto(`${server.url}/demo`);
    await server.listed('events', 1);
    await page.getByRole('link', { name: 'Look again' }).click();
    await page.locator('[data-milestone="tag"].done').waitFor();
    await plain.close();
  });

  it('pasted links are judged, and the page fits a narrow screen', async () => {
    await page.setViewportSize({ width: 380, height: 800 });
    await open('/offers');
    await page.fill('#links', `https://www.checkout-ds24.com/redir/1/me\nhttps://www.checkout-ds24.com/redir/PRODUCT/${'x'.repeat(500)}`);
    await page.getByRole('button', { name: 'Check these links' }).click();
    await page.getByText('1 good, 0 to look at, 1 wrong.').waitFor();
    for (const path of ['/offers', '/connect', '/connect/digistore24', '/snippet']) {
      if (path !== '/offers') await open(path);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} scrolls sideways`);
    }
  });
});

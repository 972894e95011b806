// The whole loop in a real browser against the real server: from an ad click to an attributed sale.
import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, describe, it } from 'node:test';
import { launch } from './browser.mjs';
import { startServer } from './server.mjs';

const AD = 'utm_source=google&utm_medium=cpc&utm_campaign=spring&utm_term=knife+course&gclid=Cj0KCQ-Story_1';
const CLICK_ID = /[?&]cid=([a-z0-9]{32})(?:[&#]|$)/;

describe('from an ad click to an attributed sale', () => {
  let browser, server, context, page;

  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());
  beforeEach(async () => {
    server = await startServer();
    context = await browser.newContext();
    page = await context.newPage();
  });
  afterEach(async () => {
    await context.close();
    await server.stop();
  });

  /** An answer of the server to the tag that says: this event is on disk. */
  const reported = (name) =>
    page.waitForResponse((answer) => answer.url().endsWith('/event') && answer.status() === 204 && (answer.request().postData() ?? '').includes(`name=${name}`));

  const land = async () => {
    const viewed = reported('PageView');
    await page.goto(`${server.url}/demo?${AD}`);
    await viewed;
  };

  /** Hovers a link until its address carries a click id; answers the id. */
  const hovered = async (selector) => {
    await page.hover(selector);
    await page.waitForFunction((css) => /[?&]cid=[a-z0-9]{32}/.test(document.querySelector(css).href), selector);
    return CLICK_ID.exec(await page.getAttribute(selector, 'href'))[1];
  };

  const press = async (label) => {
    const answered = page.waitForResponse((answer) => answer.url().includes('/collect/'));
    await page.getByRole('button', { name: label }).click();
    return (await answered).status();
  };

  const signIn = async () => {
    const link = server.printed.map((line) => /^sign in once:\s*(.*)$/.exec(line)?.[1]).find(Boolean);
    await page.goto(link);
    await page.getByRole('button').first().click();
    await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
  };

  it('the sale stands in API and dashboard with the very ad that made it', async () => {
    await land();
    const shown = await hovered('#promolink');
    await page.click('#promolink');
    await page.waitForSelector('#click-id');
    const arrived = (await page.textContent('#click-id')).trim();
    assert.equal(arrived, shown, 'the offer got the id that hovering showed');

    assert.equal(await press('Payment'), 200);
    const [conversion] = await server.list('conversions');
    assert.equal(conversion.state, 'attributed');
    assert.equal(conversion.type, 'Purchase');
    assert.equal(conversion.value, '1.64');
    assert.equal(conversion.currency, 'EUR');
    assert.equal(conversion.amounts.affiliate, '101.64');
    assert.equal(conversion.click_id, arrived);
    assert.equal(conversion.click_ids.gclid, 'Cj0KCQ-Story_1');
    assert.equal(conversion.source.utm_campaign, 'spring');
    const [click] = await server.listed('clicks', 1);
    assert.equal(click.click_id, arrived);
    assert.equal(click.group, 'digistore24');
    assert.match(click.label, /Steady Edge/);

    await signIn();
    const shows = async (words) => {
      const text = await page.innerText('main');
      for (const word of words) assert.ok(text.includes(word), `${page.url()} shows ${word}`);
    };
    await shows(['1.64', 'EUR', '101.64', 'spring', 'Purchase']);
    await page.goto(`${server.url}/sites/${server.site.site_id}/conversions`);
    await shows(['1.64', 'EUR', '101.64', 'Cj0KCQ-Story_1', 'spring', 'Purchase']);
  });

  it('a blocked OutboundClick still attributes the sale to its visit', async () => {
    // In the page, as a blocker does: a route of the driver lets through what a page still sends while it leaves.
    await page.addInitScript(() => {
      const { fetch } = window;
      window.fetch = (address, options) =>
        String(options?.body).includes('OutboundClick') ? Promise.reject(new TypeError('blocked')) : fetch(address, options);
      navigator.sendBeacon = () => false;
    });
    await land();
    await hovered('#promolink');
    await page.click('#promolink');
    await page.waitForSelector('#click-id');
    assert.equal(await press('Payment'), 200);
    const [conversion] = await server.list('conversions');
    assert.deepEqual(await server.list('clicks'), []);
    assert.equal(conversion.state, 'attributed');
    assert.equal(conversion.click_ids.gclid, 'Cj0KCQ-Story_1');
    assert.match(conversion.reason, /visit/);
  });

  for (const [kind, selector] of [
    ['a link with data-tracking-group', '#cloaked'],
    ['a link whose rel names the group', '#rel-link'],
    ['a link with the token', '#token-link'],
    ['a link inserted later', '#late a'],
  ]) {
    it(`${kind} brings its click id to the offer`, async () => {
      await land();
      await page.waitForSelector(selector);
      const shown = await hovered(selector);
      await page.click(selector);
      await page.waitForSelector('#click-id');
      assert.equal((await page.textContent('#click-id')).trim(), shown);
      const [click] = await server.listed('clicks', 1);
      assert.equal(click.click_id, shown);
    });
  }

  it('upsell, refund and a repeated call are each what they are', async () => {
    await land();
    await hovered('#promolink');
    await page.click('#promolink');
    await page.waitForSelector('#click-id');
    for (const label of ['Payment', 'Upsell', 'Refund', 'Send the last one again']) {
      assert.equal(await press(label), 200, label);
    }
    const conversions = await server.list('conversions');
    assert.deepEqual(conversions.map((one) => [one.type, one.order_type]), [['Refund', 'initial_sale'], ['Purchase', 'upsell'], ['Purchase', 'initial_sale']]);
    assert.equal(conversions[0].sale_id, conversions[2].id, 'the refund takes back the first sale');
    const postbacks = await server.list('postbacks');
    assert.deepEqual(postbacks.map((one) => one.state), ['duplicate', 'accepted', 'accepted', 'accepted']);
    assert.equal(postbacks[0].conversion_id, conversions[0].id);
  });

  it('a second page of the same visit keeps the ad', async () => {
    await land();
    const viewed = reported('PageView');
    await page.goto(`${server.url}/demo`);
    await viewed;
    await hovered('#promolink');
    await page.click('#promolink');
    await page.waitForSelector('#click-id');
    await press('Payment');
    const [conversion] = await server.list('conversions');
    assert.equal(conversion.click_ids.gclid, 'Cj0KCQ-Story_1');
    assert.equal((await server.list('visits')).length, 1);
  });
});

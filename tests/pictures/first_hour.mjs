// The first hour and the first sale, as docs/guide-marketer.md tells them: from an empty server to a sale with its story.
import { startServer } from '../e2e/server.mjs';

const AD = 'utm_source=google&utm_medium=cpc&utm_campaign=spring&utm_term=knife+sharpening+course&utm_content=ad-b&gclid=Cj0KCQjw-7RoB2kT9xQ';
const PUBLIC = 'https://t.example.com';

const PAGE = 'https://blog.example.com/steady-edge-review';

/** The page that visitors land on. Its link opens a tab of its own, so that the page is still there to be heard. */
const review = (siteId) =>
  `<!doctype html><html lang="en"><head><title>Steady Edge, a review</title><script async src="${PUBLIC}/${siteId}.js"></script></head>
<body><h1>Is Steady Edge any good?</h1><p>I took <a href="https://www.checkout-ds24.com/redir/500418/kitchennotes/spring" target="_blank" rel="sponsored">the Steady Edge course</a>.</p></body></html>`;

/** A sale as Digistore24 tells it. */
const SALE = {
  transaction_id: '48213977', transaction_type: 'payment', amount_brutto: '165.19', amount_netto: '138.82', amount_affiliate: '69.41', currency: 'EUR',
  product_id: '500418', product_name: 'Steady Edge: the course', order_type: 'initial_sale', billing_type: 'single_payment', billing_status: 'completed', country: 'DE',
};

const OFFERS = `https://www.checkout-ds24.com/redir/500418/kitchennotes/spring
https://www.checkout-ds24.com/redir/500418
https://www.digistore24.com/content/500418/17/AFFILIATE/
https://blog.example.com/go/steady-edge`;

/** Takes the pictures of the first hour. */
export async function firstHour(camera) {
  const server = await startServer({ TAGWERK_PUBLIC_URL: PUBLIC });
  try {
    await server.change({ name: 'Kitchen Notes', origins: ['https://blog.example.com'] });
    const page = await camera.signIn(server);
    await camera.whole(page, 'today-empty');

    await page.open('/connect');
    await camera.part(page, 'connect-before', '.where');
    await page.open('/snippet');
    await camera.part(page, 'snippet-plain', '#plain');
    await camera.whole(page, 'snippet');
    await page.open('/offers');
    await page.fill('#links', OFFERS);
    await page.getByRole('button', { name: 'Check these links' }).click();
    await page.waitForSelector('#judged');
    await camera.part(page, 'offers-judged', '#judged');
    await camera.whole(page, 'offers');

    const clickId = await visit(camera, server);

    await page.open('/connect/digistore24');
    await camera.part(page, 'postback-url', '#way-affiliate');
    await page.getByLabel('Commission').check();
    await camera.part(page, 'value', '#value');
    await page.getByRole('button', { name: 'Save the rule' }).click();
    await page.waitForURL(/value/);
    await page.open('/connect/digistore24');
    await page.locator('#way-affiliate').getByRole('button', { name: 'Send a test postback' }).click();
    await page.waitForSelector('#test');
    await camera.part(page, 'test-told', '#test');
    await page.open('/connect');
    await page.waitForSelector('[data-milestone="test"].done');
    await camera.part(page, 'connect-after', '.where');
    await camera.whole(page, 'page-connect');

    await call(server, { ...SALE, cid: clickId });
    await call(server, { ...SALE, transaction_id: '48214402', cid: '' });
    await call(server, { ...SALE, transaction_id: '48214519', cid: 'rt-66f0c2', amount_affiliate: '27.30', amount_brutto: '64.97', amount_netto: '54.60', product_name: 'Steady Edge: the stones' });
    await call(server, { ...SALE, transaction_id: '48214733', transaction_type: 'zahlung', cid: clickId });
    const sale = (await server.list('conversions')).find((one) => one.transaction_id === SALE.transaction_id);
    await page.open('');
    await page.waitForSelector('.live-state[data-live="on"]');
    await camera.part(page, 'first-sale-feed', '#arriving');
    await page.open(`/conversions/${sale.id}`);
    await camera.part(page, 'story-top', '.title', '.gist');
    await camera.part(page, 'story-whose', '#whose', '#click');
    await camera.part(page, 'story-arrived', '#arrived');
    await camera.part(page, 'story-read', '#worked');
    await camera.part(page, 'story-right', '#right');
    await page.open('/worklist');
    await camera.part(page, 'worklist-refused', '#refused-title', 'section[aria-labelledby="refused-title"]');
    await camera.part(page, 'worklist-unattributed', 'section[aria-labelledby="unattributed-title"]');
  } finally {
    await server.stop();
  }
}

/** Somebody comes by the ad and clicks; answers the click id. Page, tag and offer are reached by names as they are on a real site. */
async function visit(camera, server) {
  const shop = await camera.visitor();
  const at = (host, answer) => shop.context().route(`https://${host}/**`, answer);
  await at('blog.example.com', (route) => route.fulfill({ contentType: 'text/html', body: review(server.site.site_id) }));
  await at('www.checkout-ds24.com', (route) => route.fulfill({ contentType: 'text/html', body: '<title>The order form</title>' }));
  await at(new URL(PUBLIC).host, async (route) => {
    const { pathname, search } = new URL(route.request().url());
    await route.fulfill({ response: await route.fetch({ url: `${server.url}${pathname}${search}` }) });
  });
  await shop.goto(`${PAGE}?${AD}`);
  await server.listed('visits', 1);
  await shop.hover('a');
  await shop.waitForFunction(() => /[?&]cid=[a-z0-9]{32}/.test(document.querySelector('a').href));
  await shop.click('a');
  const [click] = await server.listed('clicks', 1);
  await shop.context().close();
  return click.click_id;
}

/** The network calls the affiliate's postback URL. */
async function call(server, said) {
  await fetch(`${server.url}/${server.site.tracking_id}/collect/digistore24?${new URLSearchParams({ ...said, datetime_unix: String(Math.floor(Date.now() / 1000)) })}`);
}

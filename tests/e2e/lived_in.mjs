// A site that somebody has lived in: four weeks of visits, clicks, sales, refunds, costs and trouble, put there by public HTTP alone.
//
// It is the same in every run but for the ids and the time of day. With `hostile`, every text that a stranger or an operator can choose is one of
// hostile.mjs; without, it is what a small site about cooking courses would have, fit for the pictures in the docs.
import { createHash } from 'node:crypto';
import { startPlatforms } from './fake_platform.mjs';
import { HOSTILE_NAMES, everyHostile } from './hostile.mjs';
import { addPerson, signIn } from './operator.mjs';
import { startServer } from './server.mjs';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';
const SHOP = 'https://www.kitchen-notes.example';
const PASSPHRASE = 'sourdough-and-salt-93';

/** The configuration it needs: a proxy in front that tells addresses and countries; what is tried again is tried soon. */
const CONFIG = 'trusted_proxies = ["127.0.0.1"]\ncountry_header = "x-country"\n[outbox]\nfirst_retry_seconds = 1\n';

const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1';
const DESK = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36';
const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15';
const CRAWLER = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)';

const PRODUCTS = {
  sourdough: { id: '438218', name: 'Sourdough Masterclass', brutto: 129, page: '/sourdough-course-review', label: 'Yes, show me the Sourdough Masterclass' },
  knives: { id: '441007', name: 'Knife Skills in a Weekend', brutto: 79, page: '/best-knife-course', label: 'To the knife course' },
  mealprep: { id: '447730', name: 'Meal Prep in 21 Days', brutto: 19, page: '/meal-prep-plan', label: 'Start the 21 days', subscription: true },
  advent: { id: '452119', name: 'Advent Baking Box', brutto: 39, page: '/advent-baking', label: 'Get the twelve recipes' },
  dumplings: { id: '460342', name: 'Dumplings From Scratch', brutto: 59, page: '/dumplings', label: 'Learn to fold dumplings' },
};

/** Where visitors come from: how many of a hundred, what the address says, what they look at, and how readily they buy. */
const CHANNELS = [
  { share: 24, product: 'sourdough', key: 'search-sourdough', utm: { source: 'google', medium: 'cpc', campaign: 'Sourdough | Search | DACH' }, terms: ['sourdough course online', 'learn to bake bread', 'sourdough starter kit'], click: 'gclid', referrer: 'https://www.google.com/', cost: '0.84', buys: 0.3 },
  { share: 12, product: 'knives', key: 'search-knives', utm: { source: 'google', medium: 'cpc', campaign: 'Knife skills | Search' }, terms: ['knife skills course', 'how to sharpen a knife'], click: 'gclid', referrer: 'https://www.google.com/', cost: '0.61', buys: 0.22 },
  { share: 22, product: 'advent', key: 'reels-advent', utm: { source: 'facebook', medium: 'paid_social', campaign: 'Advent baking 2026 | Reels' }, contents: ['reel-dough-01', 'reel-cookies-02', 'carousel-stollen'], click: 'fbclid', referrer: 'https://m.facebook.com/', phone: true, buys: 0.26 },
  { share: 12, product: 'mealprep', key: 'lookalike', utm: { source: 'facebook', medium: 'paid_social', campaign: 'Meal prep | Lookalike 1%' }, contents: ['before-after', 'lunchbox-video'], click: 'fbclid', referrer: 'https://l.instagram.com/', phone: true, buys: 0.24 },
  { share: 9, product: 'dumplings', key: 'spark', utm: { source: 'tiktok', medium: 'paid_social', campaign: 'Dumplings | Spark ads' }, contents: ['fold-along'], click: 'ttclid', referrer: 'https://www.tiktok.com/', phone: true, buys: 0.18 },
  { share: 6, product: 'sourdough', key: 'bing-sourdough', utm: { source: 'bing', medium: 'cpc', campaign: 'Sourdough | Bing' }, terms: ['bread baking class'], click: 'msclkid', referrer: 'https://www.bing.com/', cost: '0.47', buys: 0.25 },
  { share: 7, product: 'advent', key: 'letter', utm: { source: 'newsletter', medium: 'email', campaign: 'November letter' }, contents: ['top-link', 'footer-link'], referrer: '', buys: 0.4 },
  { share: 5, product: 'knives', key: 'organic', utm: {}, referrer: 'https://www.pinterest.com/', buys: 0.12 },
  { share: 3, product: 'sourdough', key: 'organic', utm: {}, referrer: '', buys: 0.15 },
];
const COUNTRIES = ['DE', 'DE', 'DE', 'DE', 'AT', 'CH', 'DE', 'NL', 'AT', 'US'];

/** Numbers that look like chance and are the same in every run. */
function dice(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A click id of this visit, its check characters by the rule of the design. */
function clickId(visit, letters) {
  const body = visit + letters;
  const check = [...body].reduce((sum, letter) => (sum * 37 + parseInt(letter, 36) + 1) % 1296, 0);
  return body + DIGITS[Math.floor(check / 36)] + DIGITS[check % 36];
}

/** The signature of a vendor's notification: names sorted, empty values left out. */
function signature(fields) {
  const sorted = Object.entries(fields).filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha512').update(sorted.map(([name, value]) => `${name}=${value}${PASSPHRASE}`).join('')).digest('hex').toUpperCase();
}

/** Rates of the European Central Bank's form, for each day of the last forty. */
function rates(now) {
  const days = Array.from({ length: 40 }, (_, back) => new Date(now - back * DAY).toISOString().slice(0, 10));
  return ['Date,USD,CHF,GBP,', ...days.map((day) => `${day},1.0850,0.9410,0.8450,`)].join('\n');
}

/** Starts a server, and lives in it; see `liveIn`. Its `stop` stops all of it. */
export async function startLivedIn(options = {}) {
  const word = options.hostile ? everyHostile() : undefined;
  const platforms = await startPlatforms(word?.('answer'));
  const server = await startServer({ TAGWERK_ALLOW_PRIVATE_TARGETS: '1', ...options.env }, CONFIG);
  const stop = async () => {
    await server.stop();
    await platforms.stop();
  };
  try {
    return { ...server, stop, lived: await liveIn(server, platforms.url, { ...options, word }) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Fills the server's site. Answers who is there (`people`: owner, analyst, reader, each with password and session; `admin`, a session), and the
 * ids of one thing of each kind (`ids`), for pages that show one thing.
 */
async function liveIn(server, platforms, { word, visits = word ? 90 : 280 }) {
  const { url, site } = server;
  const now = Date.now();
  const random = dice(93);
  const below = (count) => Math.floor(random() * count);
  const one = (list) => list[below(list.length)];
  const letters = (count) => Array.from({ length: count }, () => one(DIGITS)).join('');
  /** What a column holds: what is pleasant, or what is hostile. */
  const text = (column, pleasant) => (word ? word(column) : pleasant);
  /** The same where only a line of at most so many characters is taken. */
  const oneLine = (column, pleasant, most = 500) => text(column, pleasant).replace(/[\p{Cc}\u2028]/gu, ' ').slice(0, most).trim() || 'x';

  const api = async (path, options = {}) => {
    const answer = await fetch(`${url}/api/v1${path}`, { ...options, headers: { authorization: `Bearer ${server.token}`, ...options.headers } });
    if (!answer.ok) throw new Error(`${options.method ?? 'GET'} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? undefined : answer.json();
  };
  const ofSite = (path, body, method = 'POST') => api(`/sites/${site.site_id}${path}`, body === undefined ? {} : { method, body: typeof body === 'string' ? body : JSON.stringify(body) });
  const list = async (path) => (await ofSite(path)).items;

  // Who is there, before anything happens, so that the trail tells of all of it.
  const admin = await signIn(server, { token: server.token }, '198.51.100.1');
  const named = (turn, pleasant) => (word ? HOSTILE_NAMES[turn % HOSTILE_NAMES.length] : pleasant);
  const people = {};
  for (const [turn, [key, role, email, name]] of [['owner', 'owner', 'anna@kitchen-notes.example', 'Anna Berger'], ['analyst', 'analyst', 'jonas@kitchen-notes.example', 'Jonas Weber'], ['reader', 'read_only', 'mira@agency.example', 'Mira Okafor']].entries()) {
    people[key] = await addPerson(server, admin, { email, name: named(turn, name), role }, `198.51.100.${turn + 2}`);
  }
  await admin.send('/people', { email: word ? `${'lena'.repeat(15)}@${'very-long-name-of-a-host.'.repeat(6)}example` : 'lena@kitchen-notes.example', name: named(5, 'Lena Huber'), role: 'analyst' });
  for (const [turn, [name, role]] of [['spreadsheet', 'read_only'], ['nightly cost import', 'analyst']].entries()) {
    await api('/tokens', { method: 'POST', body: JSON.stringify({ name: named(turn + 3, name), role }) });
  }

  await api('/rates', { method: 'POST', body: rates(now) });
  await server.change({
    name: text('site', 'Kitchen Notes'),
    origins: [SHOP, url],
    reporting_currency: 'EUR',
    time_zone: 'Europe/Berlin',
    purchase_value: 'affiliate',
    cost: { param: 'cost', currency: 'EUR' },
    groups: { digistore24: { ipn_passphrase: PASSPHRASE } },
    types: [{ name: 'Workshop', from: { type: ['workshop'] }, repeat: 'add_payout' }],
  });

  // Four weeks of visits, the newest a few minutes old; evenings are busier.
  const clicks = [];
  const total = CHANNELS.reduce((sum, { share }) => sum + share, 0);
  const times = Array.from({ length: visits }, (_, n) => {
    // The last ones are of today: since midnight where the site is, or of the last hours.
    if (n >= visits - 30) return now - Math.floor(((visits - n) / 30) ** 1.5 * Math.min((now + HOUR) % DAY, 9 * HOUR)) - MINUTE;
    const age = random() ** 1.25 * 28 * DAY;
    const back = 1 + Math.floor(age / DAY);
    return Math.min(now - back * DAY - Math.floor(random() ** 1.6 * 14 * HOUR), now - 30 * MINUTE);
  }).sort((a, b) => a - b);
  let events = 0;
  // The latest of them are told last, so that of all that arrives there is something among the newest.
  const waiting = [];
  let before;
  for (const [n, landed] of times.entries()) {
    let at = below(total);
    const channel = CHANNELS.find(({ share }) => (at -= share) < 0);
    const product = PRODUCTS[channel.product];
    const visit = letters(16);
    // Some come back by themselves, after an ad that brought them before.
    const again = before && n % 9 === 8 ? before : undefined;
    const visitor = again?.visitor ?? letters(16);
    const page = new URL(SHOP + product.page);
    if (!again) {
      for (const [name, value] of Object.entries(channel.utm)) page.searchParams.set(`utm_${name}`, text(`utm_${name}`, value));
      if (channel.terms) page.searchParams.set('utm_term', text('utm_term', one(channel.terms)));
      if (channel.contents) page.searchParams.set('utm_content', text('utm_content', one(channel.contents)));
      if (channel.click) page.searchParams.set(channel.click, text('click', `${channel.click.slice(0, 2).toUpperCase()}${letters(30)}`));
      if (channel.cost) page.searchParams.set('cost', channel.cost);
      if (word) page.searchParams.set('utm_id', word('utm_id'));
    }
    const landing = word && n % 5 === 4 ? SHOP + '/' + encodeURIComponent(word('page')) + page.search : page.href;
    const shown = word && n % 7 === 6 ? word('shown') : landing;
    const base = {
      visit_id: visit, visitor_id: visitor, page: shown, landing_at: landed, landing_page: landing, landing_referrer: again ? '' : text('referrer', channel.referrer),
      ...(again && { touch_at: again.at, touch_page: again.page, touch_referrer: again.referrer }),
      first_at: again?.at ?? landed, first_page: again?.page ?? landing, first_referrer: again?.referrer ?? channel.referrer,
    };
    before = { visitor, at: landed, page: landing, referrer: channel.referrer };
    const line = (fields) => new URLSearchParams({ event_id: `e${n}-${(events += 1)}`, ...base, ...fields }).toString();
    const lines = [line({ name: 'PageView', at: landed, ...(channel.click === 'fbclid' && { 'cookie._fbp': `fb.1.${landed}.${1_000_000_000 + below(9e8)}` }) })];
    if (n % 6 === 1) lines.push(line({ name: 'ViewContent', at: landed + 20_000, 'attribute.content': text('attribute', product.name), 'attribute.scrolled': '75' }));
    if (n % 17 === 3) lines.push(line({ name: oneLine('event', 'recipe_printed', 60), at: landed + 40_000, [`attribute.${text('attribute name', 'recipe')}`]: text('attribute', 'Rye bread') }));
    const isCrawler = n % 41 === 17;
    const isLate = n >= visits - 10;
    if (!isCrawler && random() < 0.62) {
      for (let turn = 0; turn <= (n % 11 === 5 ? 1 : 0); turn += 1) {
        const id = clickId(visit, letters(14));
        const href = new URL(`https://www.checkout-ds24.com/redir/${product.id}/kitchennotes/${word ? encodeURIComponent(word('campaignkey').slice(0, 200)) : channel.key}?cid=${id}`);
        const happened = landed + (45 + below(200)) * 1000 + turn * 60_000;
        const foreign = n % 37 === 11;
        lines.push(line({ event_id: id, name: 'OutboundClick', at: happened, click_id: id, href: word && n % 8 === 1 ? `${href}&x=${encodeURIComponent(word('href'))}` : href.href, how: ['left', 'left', 'left', 'left', 'middle', 'modified', 'keyboard', 'early'][below(8)], group: word && n % 13 === 2 ? word('group') : 'digistore24', label: text('label', product.label), ...(foreign && { foreign: '1' }) }));
        if (!foreign && !isLate) clicks.push({ id, happened, product, channel, visit, visitor });
      }
    }
    const request = {
      method: 'POST',
      headers: { 'user-agent': isCrawler ? CRAWLER : channel.phone && random() < 0.85 ? PHONE : one([DESK, DESK, MAC]), 'x-country': one(COUNTRIES), 'x-forwarded-for': `203.0.113.${n % 200}` },
      body: lines.join('\n'),
    };
    const send = async () => {
      const answer = await fetch(`${url}/${site.site_id}/event`, request);
      if (answer.status !== 204) throw new Error(`events: ${answer.status} ${await answer.text()}`);
    };
    if (isLate) waiting.push(send);
    else await send();
  }

  // What the network tells of it.
  const call = async (path, fields, wanted = [200], options = {}) => {
    const answer = await fetch(`${url}/${path}?${new URLSearchParams(fields)}`, { headers: { 'x-forwarded-for': '192.0.2.10' }, ...options });
    if (!wanted.includes(answer.status)) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  };
  const collect = (fields, wanted) => call(`${site.tracking_id}/collect/digistore24`, fields, wanted);
  const notify = async (fields, wanted = 200) => {
    const answer = await fetch(`${url}/${site.tracking_id}/ipn/digistore24`, { method: 'POST', body: new URLSearchParams({ ...fields, sha_sign: fields.sha_sign ?? signature(fields) }), headers: { 'x-forwarded-for': '192.0.2.11' } });
    if (answer.status !== wanted) throw new Error(`ipn: ${answer.status} ${await answer.text()}`);
  };
  const money = (amount) => amount.toFixed(2);
  const sale = (click, number, at, more = {}) => {
    const { product, channel } = click;
    const brutto = Number(more.brutto ?? product.brutto);
    const fields = {
      cid: click.id, transaction_id: word && number % 4 === 3 ? `${number} ${word('transaction')}` : `DS24-${70_000 + number}`, transaction_type: 'payment', order_type: 'initial_sale',
      billing_type: product.subscription ? 'subscription' : 'single_payment', billing_status: product.subscription ? 'paying' : 'completed',
      product_id: text('product id', product.id), product_name: text('product', product.name), currency: number % 13 === 6 ? 'CHF' : 'EUR',
      amount_brutto: money(brutto), amount_netto: money(brutto / 1.19), amount_affiliate: money((brutto / 1.19) * 0.5), campaignkey: text('campaignkey', channel.key), sid1: text('sid1', one(['box-top', 'box-bottom', 'in-text'])),
      country: 'DE', affiliate_name: text('affiliate', 'kitchennotes'), merchant_name: text('merchant', 'Backstube Online'), datetime_unix: String(Math.floor(at / 1000)), ...more,
    };
    delete fields.brutto;
    return { at, fields };
  };

  const calls = [];
  let number = 0;
  for (const [n, click] of clicks.entries()) {
    if (random() >= click.channel.buys + 0.05) continue;
    const at = Math.min(click.happened + (4 + below(90)) * MINUTE + (n % 7 === 0 ? DAY : 0), now - 20_000);
    if (at <= click.happened) continue;
    const first = sale(click, (number += 1), at);
    calls.push(first);
    const later = (days, more, kind) => {
      const then = at + days * DAY + 3 * HOUR;
      if (then < now) calls.push({ at: then, kind, fields: { ...first.fields, datetime_unix: String(Math.floor(then / 1000)), ...more } });
    };
    if (number % 5 === 2) {
      const upsell = sale(click, (number += 1), at + 60_000, { order_type: 'upsell', upsell_no: '1', brutto: 29, product_id: text('product id', '470010'), product_name: text('product', 'Recipe book (upsell)') });
      if (upsell.at < now) calls.push(upsell);
    }
    if (click.product.subscription) later(7, { transaction_id: `DS24-${70_000 + (number += 1)}` });
    if (number % 8 === 5) later(3, { transaction_type: 'refund', billing_status: 'aborted' });
    if (number % 29 === 14) later(6, { transaction_type: 'chargeback', billing_status: 'unpaid' });
    if (number % 11 === 4) later(0, {});
  }
  const last = clicks.at(-1);
  calls.push(sale(last, (number += 1), now - 15_000), sale(clicks.at(-2), (number += 1), now - 70_000));
  calls.sort((a, b) => a.at - b.at);
  // Platforms take what is at most a week old: they are switched on in time for that.
  const recent = calls.findIndex(({ at }) => at > now - 6 * DAY);
  for (const { fields } of calls.slice(0, recent)) await collect(fields);
  await server.change({
    platforms: {
      meta: { enabled: true, pixel_id: '1234567890123456', access_token: 'EAAx1234567890', base_url: `${platforms}/meta` },
      tiktok: { enabled: true, pixel_code: 'CABCDEF123456', access_token: 'tt-1234567890', base_url: `${platforms}/tiktok` },
      'webhook-sheet': { enabled: true, url: `${platforms}/webhook`, secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' },
      'postback-crm': { enabled: true, url: `${platforms}/crm?order={transaction_id}&value={value}&campaign={utm_campaign}`, types: ['Purchase'] },
      pinterest: { enabled: true },
    },
  });
  for (const { fields } of calls.slice(recent)) await collect(fields);

  // By other ways: a tracker's call, a type of the site's own, an order form's pixel, a vendor's notifications.
  const by = (turn) => clicks[Math.floor((clicks.length * turn) / 10)];
  await call(`${site.tracking_id}/postback`, { clickid: by(9).id, type: 'workshop', sum: '24.50', txid: text('transaction', 'WS-2026-11'), currency: 'EUR' });
  await call(`${site.tracking_id}/postback`, { clickid: by(8).id, type: text('type', 'Lead magnet'), sum: '0', txid: 'LM-118', currency: 'EUR' }, word ? [200, 422] : [200]);
  await call(`${site.site_id}/postback`, { format: 'img', clickid: by(7).id, type: 'InitiateCheckout' });
  const order = {
    event: 'on_payment', api_mode: 'live', transaction_id: 'IPN-5001', order_id: text('order', 'KN8XQ2'), click_id: by(6).id, product_id: '438218', product_name: text('product', 'Sourdough Masterclass'), order_type: 'regular',
    billing_type: 'installment', billing_status: 'paying', pay_sequence_no: '1', currency: 'EUR', amount_brutto: '43.00', amount_netto: '36.13', amount_vendor: '17.20', amount_affiliate: '18.07',
    buyer_email: 'carla@example.com', buyer_first_name: text('buyer', 'Carla'), buyer_last_name: text('buyer', 'Rossi'), country: 'AT', campaignkey: text('campaignkey', 'search-sourdough'),
  };
  await notify(order);
  await notify({ ...order, event: 'on_payment_missed', transaction_id: '', pay_sequence_no: '2' });
  await notify({ ...order, event: 'on_rebill_cancelled', transaction_id: '', pay_sequence_no: '' });
  await notify({ event: 'connection_test', api_mode: 'live' });
  await notify({ ...order, transaction_id: 'IPN-9999', sha_sign: 'AB'.repeat(64) }, 403);

  // What somebody has to look at: refused ones, some that nobody's click explains, tests, a repeat.
  const lone = (turn, more) => {
    const { fields } = sale(by(turn), (number += 1), Math.max(by(turn).happened, now - 5 * DAY) + turn * 9 * MINUTE, more);
    return fields;
  };
  await collect(lone(1, { transaction_type: '' }), [422]);
  await collect(lone(2, { amount_affiliate: text('amount', '32,5O'), transaction_type: 'payment' }), [422]);
  await collect(lone(3, { transaction_type: text('transaction type', 'payed') }), [422]);
  const correct = lone(4, { transaction_type: 'paymnt' });
  await collect(correct, [422]);
  for (const turn of [2, 3, 5]) await collect(lone(turn, { cid: turn === 5 ? 'zz00aa11bb22cc33' : '' }));
  await collect(lone(1, { cid: '', transaction_id: 'DS24-79001', product_name: text('product', 'Sourdough Masterclass') }));
  await collect(lone(2, { is_test: '1', transaction_id: 'test' }));
  await collect(lone(3, { is_test: '1', transaction_id: 'test-2', cid: '' }));
  const repeated = lone(6, {});
  await collect(repeated);
  await collect(repeated);

  for (const send of waiting) await send();

  // What people do about it.
  const refused = await list('/postbacks?state=refused&limit=50');
  const toCorrect = refused.find(({ raw }) => raw.includes('paymnt'));
  await ofSite(`/postbacks/${toCorrect.id}/correct`, { set: { transaction_type: 'payment', sid2: text('correction', 'by hand') } });
  const [lost] = await list('/conversions?state=unattributed&limit=50');
  await ofSite(`/conversions/${lost.id}/assign`, { click_id: by(5).id });
  const sold = await list('/conversions?state=attributed&type=Purchase&limit=50');
  await ofSite(`/conversions/${sold.at(-1).id}/test`, { is_test: true });

  const day = (back) => new Date(now - back * DAY).toISOString().slice(0, 10);
  const spent = (campaign, source, amount, note, from = 27) => ofSite('/costs', { first_day: day(from), last_day: day(0), amount, currency: 'EUR', dimensions: { utm_source: oneLine('utm_source', source), utm_campaign: oneLine('utm_campaign', campaign) }, note: oneLine('note', note) });
  await spent('Advent baking 2026 | Reels', 'facebook', '96.40', 'Meta invoice 2026-11');
  await spent('Meal prep | Lookalike 1%', 'facebook', '61.75', 'Meta invoice 2026-11');
  await spent('Dumplings | Spark ads', 'tiktok', '48.00', 'flat fee for the creator', 13);
  const file = ['Day,Campaign name,Amount spent (EUR)', ...[9, 8, 7, 6].map((back, n) => `${day(back)},"${oneLine('utm_campaign', 'Advent baking 2026 | Reels', 300).replaceAll('"', '""')}",${(6.2 + n).toFixed(2)}`)].join('\n');
  await ofSite('/costs/import?source=meta-export.csv&currency=EUR', file);
  for (const [name, query] of [['Campaigns this month', 'by=utm_source,utm_campaign'], ['Products by country', 'by=product,country&sort=-revenue'], ['What mobile earns', 'by=day&where=device:smartphone']]) {
    await ofSite('/saved_reports', { name: oneLine('report', name, 100), query });
  }
  const replay = await ofSite('/replay', '');

  // All that goes on by itself comes to its end: what can be sent is sent, and the replay is done.
  await until('the replay', async () => [await ofSite(`/jobs/${replay.id}`)].filter(({ state }) => state !== 'done'));
  await until('deliveries', async () => (await list('/deliveries?state=waiting&limit=200')).filter(({ attempts }) => attempts === 0));

  const [conversion] = await list('/conversions?state=attributed&type=Purchase&limit=1');
  const [refund] = await list('/conversions?type=Refund&limit=1');
  const [unattributed] = await list('/conversions?state=unattributed&limit=1');
  const [stillRefused] = await list('/postbacks?state=refused&limit=1');
  const [event] = await list('/events?name=OutboundClick&limit=1');
  const told = await list('/deliveries?limit=200');
  const delivery = (state) => told.find((one) => one.state === state)?.id;
  const [visit] = await list(`/visits?visit_id=${conversion.visit_id}`);
  return {
    admin,
    people,
    ids: {
      conversion: conversion.id, refund: refund.id, unattributed: unattributed.id, visit: visit.visit_id, visitor: visit.visitor_id, event: event.event_id, click: conversion.click_id,
      postback: toCorrect.id, refused: stillRefused.id, delivered: delivery('delivered'), refusedDelivery: delivery('refused') ?? delivery('waiting'), stopped: delivery('stopped'),
    },
  };
}

/** Asks until nothing is left. */
async function until(what, ask) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const left = await ask();
    if (left.length === 0) return;
    if (Date.now() > deadline) throw new Error(`${what} did not come to an end: ${JSON.stringify(left[0])}`);
  }
}

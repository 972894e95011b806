// Pages with the tag in them, good and broken, in a world of their own around the real server.
import { startServer } from '../e2e/server.mjs';
import { startWorld } from '../engines/world.mjs';

/** The site's settings as they are at first. */
const SETTINGS = { origins: [], consent: { mode: 'none', gpc: false, decorate_without: false }, existing_subid: 'keep', pixels: null };

/** An offer of the network, and a page with it. */
export const OFFER = 'http://www.digistore24.com/redir/7/shop';
export const BODY = `<h1>A review</h1><p>It <a id="offer" href="${OFFER}">Buy the course</a> or <a href="/about">read on</a>.</p>`;

/** Server, world, and how to open a page in a browser there. */
export async function startPages() {
  const server = await startServer({ TAGWERK_PUBLIC_URL: 'http://t.example' }, '[limits]\nevents_per_minute = 100000\n');
  const world = await startWorld(server);
  const script = `http://t.example/${server.site.site_id}.js`;
  const line = `<script async src="${script}"></script>`;
  let changed = true;
  let pages = 0;
  return {
    server,
    world,
    site: server.site.site_id,
    script,
    line,
    /** Changes the site's settings for one page; the next one has what it says itself. */
    async set(settings) {
      if (settings || changed) await server.change({ ...SETTINGS, ...settings });
      changed = Boolean(settings);
    },
    /** Puts a page of a host of its own into the world and opens it; waits for the tag unless told that none comes. */
    async open(context, { head = line, body = BODY, headers, init, query = '', route, tag = true, host = `shop${++pages}.example`, scheme = 'http', first = '' } = {}) {
      const page = await context.newPage();
      const url = `${scheme}://${host}/blog/post`;
      const html = `${first}<!doctype html><html><head><title>A review</title>${head}</head><body>${body}</body></html>`;
      world.pages.set(url, { html, headers });
      // There is no https in the world: such a page is made by the browser.
      if (scheme === 'https') await page.route(`${url}*`, (on) => on.fulfill({ contentType: 'text/html', body: html, headers }));
      if (init) await page.addInitScript(init);
      if (route) await route(page);
      await page.goto(`${url}${query}`);
      if (tag) {
        await page.waitForFunction(() => window.tagwerk?.loaded);
        await page.evaluate(() => window.tagwerk('ready'));
      }
      return page;
    },
    async stop() {
      await world.stop();
      await server.stop();
    },
  };
}

/** Waits until the tag has decorated what it decorates ahead (`id`), and every event was answered for good (`sent`) or at all. */
export async function settled(page, { id = true, sent = true } = {}) {
  if (id) await page.waitForFunction(() => /cid=[a-z0-9]{32}/.test(document.querySelector('#offer')?.href ?? ''));
  if (sent) return page.waitForFunction(() => !localStorage.getItem('tagwerk.outbox'));
  return page.waitForFunction(async () => (await window.tagwerk('inspect')).events?.every(({ state }) => state !== 'in_flight') ?? true);
}

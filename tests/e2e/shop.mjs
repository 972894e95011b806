// A shop's page at the address that tests/cases/links.json names, with the tag in it, in a browser of its own state.
import { once } from 'node:events';
import { launch } from './browser.mjs';

export const PAGE = 'https://shop.example/blog/post';
export const CLICK_ID = /^[a-z0-9]{32}$/;

/** A browser in which a page of the shop, a public one, may ask a collector on this machine. */
export const launchShop = () => launch(['--disable-features=LocalNetworkAccessChecks']);

/** Whether a text is a click id whose check characters are right. */
export function isClickId(id) {
  if (!CLICK_ID.test(id)) return false;
  const h = [...id.slice(0, 30)].reduce((sum, c) => (sum * 37 + parseInt(c, 36) + 1) % 1296, 0);
  return id.slice(30) === Math.floor(h / 36).toString(36) + (h % 36).toString(36);
}

/** The two ways the tag works in: `wasm`, and the shim alone where there is no WebAssembly. */
export const MODES = ['wasm', 'shim'];

/** A browser context in which the shop exists, every other host answers with an empty page, and the collector is real. */
export async function openShop(browser, collector, { mode = 'wasm', csp, init } = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const opened = [];
  const errors = [];
  const pages = new Map();
  if (mode === 'shim') await context.addInitScript(() => delete globalThis.WebAssembly);
  if (init) await context.addInitScript(init);
  await context.route(
    (url) => url.origin !== collector.origin,
    (route) => {
      const request = route.request();
      const url = request.url();
      if (pages.has(url)) {
        const headers = { 'content-type': 'text/html; charset=utf-8', ...(csp ? { 'content-security-policy': csp } : {}) };
        return route.fulfill({ headers, body: pages.get(url) });
      }
      if (request.resourceType() === 'document') opened.push(url);
      return route.fulfill({ headers: { 'content-type': 'text/html' }, body: '<title>elsewhere</title>' });
    },
  );
  const page = await context.newPage();
  page.on('pageerror', (error) => errors.push(error));

  return {
    context,
    page,
    /** Addresses that were opened outside the shop, in order. */
    opened,
    /** What the page's `window.onerror` saw. */
    errors,
    /** Opens the shop with this body; waits until the tag is at work unless told not to. */
    async visit(body, { head = `<script async src="${collector.script}"></script>`, url = PAGE, wait = true, ...options } = {}) {
      pages.set(url, `<!doctype html><head>${head}</head><body>${body}</body>`);
      await page.goto(url, options);
      if (wait) await this.working();
    },
    /** Waits until WebAssembly has taken over, or the shim knows that it is alone. */
    async working() {
      await page.waitForFunction(async () => window.tagwerk?.loaded && (await window.tagwerk('inspect'))?.ready);
    },
    /** What the tag says of itself. */
    inspect: () => page.evaluate(() => window.tagwerk('inspect')),
    /** The next page that opens beside this one, and the address it asked for. */
    async popup(act) {
      const [popup] = await Promise.all([once(context, 'page'), act()]).then(([[popup]]) => [popup]);
      await popup.waitForLoadState();
      return popup.url();
    },
    /** All events sent so far, known by one sent after them. */
    async marked() {
      const id = await page.evaluate(() => window.tagwerk('trigger', 'Marker'));
      await collector.seen((event) => event.event_id === id);
    },
    close: () => context.close(),
  };
}

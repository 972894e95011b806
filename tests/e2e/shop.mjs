// A shop's page with the tag in it, in a browser of its own state.
import { launch } from './browser.mjs';

export const PAGE = 'http://shop.example/blog/post';

/** A browser for which the collector is the whole world. */
export const launchShop = (collector) => launch(collector.flags);

/** Whether a text is a click id whose check characters are right. */
export function isClickId(id) {
  if (!/^[a-z0-9]{32}$/.test(id)) return false;
  const h = [...id.slice(0, 30)].reduce((sum, c) => (sum * 37 + parseInt(c, 36) + 1) % 1296, 0);
  return id.slice(30) === Math.floor(h / 36).toString(36) + (h % 36).toString(36);
}

/** The two ways the tag works in: `wasm`, and the shim alone where there is no WebAssembly. */
export const MODES = ['wasm', 'shim'];

/** The shop in a browser context of its own. `init` runs in every page before anything else. */
export async function openShop(browser, collector, { mode = 'wasm', init } = {}) {
  const context = await browser.newContext();
  const errors = [];
  const from = collector.opened.length;
  if (mode === 'shim') await context.addInitScript(() => delete globalThis.WebAssembly);
  if (init) await context.addInitScript(init);
  const page = await context.newPage();
  page.on('pageerror', (error) => errors.push(error));

  return {
    context,
    page,
    /** What the page's `window.onerror` saw. */
    errors,
    /** Opens the shop with this body; waits until the tag is at work unless told not to. */
    async visit(body, { head = `<script async src="${collector.script}"></script>`, url = PAGE, headers = {}, wait = true, ...options } = {}) {
      collector.pages.set(url.split('#')[0], { headers, html: `<!doctype html><head>${head}</head><body>${body}</body>` });
      await page.goto(url, options);
      if (wait) await this.working();
    },
    /** Waits until WebAssembly has taken over, or the shim knows that it is alone. */
    async working() {
      await page.waitForFunction(() => window.tagwerk?.loaded);
      await page.evaluate(() => window.tagwerk('ready'));
    },
    /** What the tag says of itself. */
    inspect: () => page.evaluate(() => window.tagwerk('inspect')),
    /** Waits until so many addresses were opened outside the shop; answers them. */
    destinations: (count) => collector.destinations(count, from),
    /** All that the tag has to tell has arrived: an event sent after it has, and nothing waits in the outbox. */
    async settled() {
      const id = await page.evaluate(() => window.tagwerk('trigger', 'Marker'));
      await collector.seen((event) => event.event_id === id);
      await page.waitForFunction(() => !localStorage.getItem('tagwerk.outbox'));
    },
    close: () => context.close(),
  };
}

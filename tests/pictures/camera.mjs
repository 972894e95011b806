// Takes pictures of pages: whole ones, and parts of them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from '../e2e/browser.mjs';
import { shrunk } from './png.mjs';

/** Tallest picture of a whole page, in pixels: longer lists look alike further down. */
const TALLEST = 1300;
/** Ground that is left around a part, in pixels. */
const AROUND = 12;

/** What is the same on every machine: size, language, zone, and no movement. Fonts are those that the machine has. */
const SETTING = { viewport: { width: 1280, height: 900 }, locale: 'en-GB', timezoneId: 'Europe/Berlin', reducedMotion: 'reduce', deviceScaleFactor: 1 };

/** Starts a browser that takes pictures into `folder`, made small where they are to be kept. */
export async function startCamera(folder, { small = true } = {}) {
  const browser = await launch();
  const taken = [];
  const kept = [];

  /** Keeps a picture under its name. */
  const keep = (name, png) => {
    if (taken.includes(name)) throw new Error(`two pictures are called ${name}`);
    taken.push(name);
    kept.push(Promise.resolve(small ? shrunk(png) : png).then((bytes) => writeFileSync(join(folder, `${name}.png`), bytes)));
  };

  /** Waits until the page is as it stays: fonts are there, charts are drawn, nothing is focused. */
  const still = async (page) => {
    await page.evaluate(() => document.fonts.ready);
    await page.waitForFunction(() => [...document.querySelectorAll('figure.chart')].every((chart) => chart.querySelector('canvas')?.width > 0));
    await page.evaluate(() => document.activeElement?.blur());
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  };

  return {
    /** The names of all pictures that were taken. */
    taken,
    keep,
    /** Signs in to a server's dashboard in a browser of its own; answers the page, which opens addresses of the first site by `open`. */
    async signIn(server, { width = 1280, dark = false } = {}) {
      const context = await browser.newContext({ ...SETTING, viewport: { width, height: 900 }, colorScheme: dark ? 'dark' : 'light' });
      const page = await context.newPage();
      await page.goto(`${server.url}/sign-in`);
      await page.locator('summary').evaluateAll((folded) => folded.forEach((one) => one.click()));
      await page.getByLabel('Admin token').fill(server.token);
      await page.locator('form', { has: page.getByLabel('Admin token') }).getByRole('button', { name: 'Sign in' }).click();
      await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'));
      return Object.assign(page, {
        async open(path) {
          const answer = await page.goto(path.startsWith('//') ? server.url + path.slice(1) : `${server.url}/sites/${server.site.site_id}${path}`);
          if (!answer.ok()) throw new Error(`${path}: ${answer.status()}`);
        },
      });
    },
    /** A page of somebody who is not signed in. */
    async visitor(options = {}) {
      // A person's browser: one that says that it is driven is marked as a bot.
      const userAgent = (await browser.newBrowserCDPSession().then((session) => session.send('Browser.getVersion'))).userAgent.replace('Headless', '');
      const context = await browser.newContext({ ...SETTING, userAgent, ...options });
      await context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false }));
      return context.newPage();
    },
    /** The whole page, or its upper part where it is very long. */
    async whole(page, name) {
      await still(page);
      const height = Math.min(TALLEST, await page.evaluate(() => document.documentElement.scrollHeight));
      const before = page.viewportSize();
      // What sticks to the window's end stands at the picture's.
      await page.setViewportSize({ ...before, height });
      await page.evaluate(() => scrollTo(0, 0));
      await still(page);
      keep(name, await page.screenshot({ animations: 'disabled', caret: 'hide' }));
      await page.setViewportSize(before);
    },
    /** What these selectors show, with what stands between them. */
    async part(page, name, ...selectors) {
      await still(page);
      const boxes = [];
      for (const selector of selectors) {
        const box = await page.locator(selector).first().evaluate((element) => {
          const { x, y, width, height } = element.getBoundingClientRect();
          return { x: x + scrollX, y: y + scrollY, width, height };
        });
        boxes.push(box);
      }
      const left = Math.max(0, Math.min(...boxes.map(({ x }) => x)) - AROUND);
      const top = Math.max(0, Math.min(...boxes.map(({ y }) => y)) - AROUND);
      const right = Math.min(page.viewportSize().width, Math.max(...boxes.map(({ x, width }) => x + width)) + AROUND);
      const bottom = Math.max(...boxes.map(({ y, height }) => y + height)) + AROUND;
      keep(name, await page.screenshot({ fullPage: true, animations: 'disabled', caret: 'hide', clip: { x: left, y: top, width: right - left, height: bottom - top } }));
    },
    /** Ends the browser; all pictures are there then. */
    async stop() {
      await Promise.all(kept);
      await browser.close();
    },
  };
}

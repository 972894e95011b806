// Every page of the dashboard, wide and narrow, light and dark, with an ordinary site's data, with hostile data and with none.
//
// The pictures are kept in target/screenshots, for people to look at.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { COLOURS, RULES, judged } from './axe.mjs';
import { launch } from './browser.mjs';
import { startLivedIn } from './lived_in.mjs';
import { signIn } from './operator.mjs';
import { compareWithRoutes, pagesOf } from './pages.mjs';
import { startServer } from './server.mjs';

const PICTURES = fileURLToPath(new URL('../../target/screenshots', import.meta.url));
const WIDTHS = [1280, 380];
const THEMES = ['light', 'dark'];

/** Leaves some rows of each list: what is wrong with one is wrong with all, and axe takes long for hundreds. Runs in the page. */
const shorten = () => {
  for (const body of document.querySelectorAll('tbody, main ol, main ul')) for (const row of [...body.children].slice(8)) row.remove();
};

/** What a page says of itself. */
const asked = (page) => page.evaluate(() => {
  const main = document.querySelector('main');
  const wide = [...document.body.querySelectorAll('*')].filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
  return {
    headings: document.querySelectorAll('h1').length,
    title: document.title,
    hacked: window.__hacked,
    refused: window.__refused,
    scrolls: document.documentElement.scrollWidth > document.documentElement.clientWidth ? wide.slice(0, 3).map((element) => element.outerHTML.slice(0, 120)).concat('it scrolls sideways') : [],
    unread: /\bNaN\b|undefined|\[object /.exec(main?.innerText ?? 'undefined')?.[0],
  };
});

for (const [data, start, { prefix, looks }] of [
  ['an ordinary site', () => startLivedIn(), { prefix: '', looks: { 1280: THEMES, 380: THEMES } }],
  ['a site of hostile data', () => startLivedIn({ hostile: true }), { prefix: 'hostile-', looks: { 1280: ['light'], 380: ['dark'] } }],
  ['an empty site', () => startServer(), { prefix: 'empty-', looks: { 1280: ['light'], 380: ['dark'] } }],
]) {
  // Both widths at the same time: a page of each keeps a processor busy.
  describe(`every page of ${data}`, { concurrency: 2 }, () => {
    const only = process.env.TAGWERK_PAGES && new RegExp(process.env.TAGWERK_PAGES);
    let browser, server, sessions, pages;

    before(async () => {
      mkdirSync(PICTURES, { recursive: true });
      browser = await launch();
      server = await start();
      const admin = server.lived?.admin ?? (await signIn(server, { token: server.token }));
      sessions = { admin, owner: server.lived?.people.owner ?? admin };
      pages = pagesOf(server.site.site_id, server.lived?.ids).filter(({ name }) => !only || only.test(name));
    });
    after(async () => {
      await browser?.close();
      await server?.stop();
    });

    for (const width of WIDTHS) {
      it(`is sound and accessible at ${width} pixels`, async () => {
        const wrong = [];
        const context = await browser.newContext({ viewport: { width, height: 900 }, reducedMotion: 'reduce' });
        await context.addInitScript(() => {
          window.__refused = [];
          document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => window.__refused.push(`${violatedDirective} ${blockedURI}`));
        });
        const page = await context.newPage();
        let here = '';
        const say = (what) => wrong.push(`${here}: ${what}`);
        page.on('pageerror', (error) => say(error));
        page.on('console', (message) => { if (message.type() === 'error' && !/status of 404/.test(message.text())) say(message.text()); });
        page.on('dialog', (dialog) => { say(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
        page.on('request', (request) => { if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== server.url) say(`it asks for ${request.url()}`); });

        for (const { name, path, status, as, signedOut } of pages) {
          await context.clearCookies();
          if (!signedOut) await context.addCookies([sessions[as].cookie]);
          const [first, ...others] = looks[width];
          here = `${prefix}${name}-${width}-${first}`;
          await page.emulateMedia({ colorScheme: first });
          const answer = await page.goto(server.url + path, { waitUntil: 'load' });
          if (answer.status() !== status) say(`it answers ${answer.status()}`);
          if (await page.locator('.chart').count()) await page.waitForSelector('.chart canvas');
          const { headings, title, hacked, refused, scrolls, unread } = await asked(page);
          if (headings !== 1) say(`it has ${headings} h1`);
          if (!/\S.* · Tagwerk$/.test(title)) say(`its title is ${title}`);
          if (hacked) say('a script of the data ran');
          refused.forEach((what) => say(`its policy refused ${what}`));
          scrolls.forEach(say);
          if (unread && prefix !== 'hostile-') say(`it shows ${unread}`);
          const see = async (theme) => {
            here = `${prefix}${name}-${width}-${theme}`;
            await page.emulateMedia({ colorScheme: theme });
            if (theme !== first && await page.locator('.chart').count()) await page.waitForSelector('.chart canvas');
          };
          for (const theme of [first, ...others]) {
            await see(theme);
            await page.screenshot({ path: join(PICTURES, `${here}.png`), fullPage: true });
          }
          await page.evaluate(shorten);
          for (const theme of [...others, first]) {
            await see(theme);
            (await judged(page, theme === first ? RULES : COLOURS)).forEach(say);
          }
        }
        await context.close();
        assert.deepEqual(wrong, []);
      });
    }
  });
}

describe('the list of pages', () => {
  it('has every route of the dashboard that answers a page, and none that is gone', () => {
    const { unknown, gone, found } = compareWithRoutes();
    assert.ok(found > 20, `only ${found} routes were found in the source`);
    assert.deepEqual(unknown, [], 'routes that tests/e2e/pages.mjs does not know');
    assert.deepEqual(gone, [], 'pages of tests/e2e/pages.mjs that no source has');
  });
});

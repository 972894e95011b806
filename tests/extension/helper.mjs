// The packed extension in headless Chromium, its button pressed as a person would press it.
//
// Nothing is built for the test: it is the extension of the store, with the permissions that it has there. The button is pressed
// by the browser's own debugging protocol (Extensions.triggerAction), which opens the popup and gives the extension the page as a
// click does. The popup cannot be read by Playwright, so what it shows is read in the extension's own window, popup.html?tab=.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const EXTENSION = fileURLToPath(new URL('../../dist/extension', import.meta.url));
const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--no-first-run',
  `--load-extension=${EXTENSION}`, `--disable-extensions-except=${EXTENSION}`, '--enable-unsafe-extension-debugging',
  '--proxy-bypass-list=<-loopback>', '--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable',
];

/** Starts the browser in the world, with the extension in it. */
export async function startHelper(world, options = {}) {
  const profile = mkdtempSync(join(tmpdir(), 'tagwerk-helper-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.TAGWERK_CHROMIUM ?? '/usr/bin/chromium',
    ignoreDefaultArgs: ['--disable-extensions'],
    args: [...FLAGS, `--proxy-server=http://${world.proxy}`],
    ...options,
  });
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'));
  const id = new URL(worker.url()).host;
  const debug = await context.browser().newBrowserCDPSession();
  const left = [];
  // What the extension's own pages ask for beyond themselves.
  context.on('request', (request) => {
    const from = request.serviceWorker()?.url() ?? request.frame().url();
    if (from.startsWith('chrome-extension:') && !request.url().startsWith('chrome-extension:')) left.push(request.url());
  });

  /** The target of a tab, which is another than that of the page in it. */
  const targetOf = async (page) => {
    const { targetInfos } = await debug.send('Target.getTargets', { filter: [{ type: 'tab', exclude: false }] });
    const found = targetInfos.filter(({ url }) => url === page.url());
    if (found.length !== 1) throw new Error(`${found.length} tabs show ${page.url()}`);
    return found[0].targetId;
  };

  /** Presses the button on a page. */
  const press = async (page) => {
    await page.bringToFront();
    await debug.send('Extensions.triggerAction', { id, targetId: await targetOf(page) });
  };

  /** Opens the extension's window for a page whose button was pressed, and waits until it has looked. */
  const openWindow = async (page) => {
    const view = await context.newPage();
    await view.goto(`chrome-extension://${id}/popup.html?tab=-1`);
    // Only because of the button does the extension see the tab's address.
    const tab = await view.evaluate(async (url) => (await chrome.tabs.query({})).find((tab) => tab.url === url)?.id, page.url());
    if (!tab) throw new Error(`the extension does not know the tab of ${page.url()}`);
    await view.goto(`chrome-extension://${id}/popup.html?tab=${tab}`);
    await view.waitForSelector('main[aria-busy=false]', { state: 'attached' });
    return { view, tab };
  };

  return {
    context,
    id,
    debug,
    press,
    openWindow,
    read,
    /** Addresses beyond itself that the extension has asked for. */
    left,
    /** Presses the button on a page and answers the window that shows what was seen, and what it shows. */
    async look(page) {
      await press(page);
      const { view, tab } = await openWindow(page);
      return { view, tab, ...(await read(view)) };
    },
    /** The badge of a tab: its text, asked in an extension's page. */
    badge: (view, tab) => view.evaluate((tabId) => chrome.action.getBadgeText({ tabId }), tab),
    async stop() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** What a window of the extension shows. */
const read = (view) =>
  view.evaluate(() => ({
    title: document.querySelector('h1').textContent,
    about: document.querySelector('#about').textContent,
    mood: document.querySelector('header').className,
    problems: [...document.querySelectorAll('[data-problem]')].map((card) => ({ id: card.dataset.problem, level: card.className, text: card.textContent })),
    links: [...document.querySelectorAll('.link')].map((link) => ({ verdict: link.dataset.verdict, text: link.querySelector('.text').textContent, whole: link.textContent })),
    text: document.querySelector('main').textContent,
  }));

// The packed extension in headless Chromium, its button pressed as a person would press it.
//
// Nothing is built for the test (but for the badge that counts by itself, see `everywhere`): it is the extension of the store, with the permissions that it has there. The button is pressed
// by the browser's own debugging protocol (Extensions.triggerAction), which opens the popup and gives the extension the page as a
// click does. Playwright does not know the popup as a page, so most of what is shown is read in the extension's own window,
// popup.html?tab=; that the popup shows the same is read through the protocol.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const EXTENSION = fileURLToPath(new URL('../../dist/extension', import.meta.url));
const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--no-first-run',
  '--enable-unsafe-extension-debugging',
  '--proxy-bypass-list=<-loopback>', '--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable',
];

/** The extension as it is once somebody has let it look everywhere: nobody can answer the browser's question in a test. */
function allowed(folder) {
  cpSync(EXTENSION, folder, { recursive: true });
  const path = join(folder, 'manifest.json');
  const { optional_host_permissions: hosts, ...manifest } = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...manifest, host_permissions: hosts }));
  return folder;
}

/** Starts the browser in the world, with the extension in it; with `everywhere` it has been let look at every site. */
export async function startHelper(world, { everywhere = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tagwerk-helper-'));
  const profile = join(folder, 'profile');
  const extension = everywhere ? allowed(join(folder, 'extension')) : EXTENSION;
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.TAGWERK_CHROMIUM ?? '/usr/bin/chromium',
    ignoreDefaultArgs: ['--disable-extensions'],
    args: [...FLAGS, `--load-extension=${extension}`, `--disable-extensions-except=${extension}`, `--proxy-server=http://${world.proxy}`],
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

  /** Evaluates in the popup that is open, and takes its picture if a path is told. */
  const inPopup = async (expression, picture) => {
    const found = async () => (await debug.send('Target.getTargets', { filter: [{}] })).targetInfos.find(({ type, url }) => type === 'page' && url === `chrome-extension://${id}/popup.html`);
    const { targetId } = await until(found);
    const { sessionId } = await debug.send('Target.attachToTarget', { targetId, flatten: false });
    let calls = 0;
    const call = (method, params) =>
      new Promise((resolve) => {
        const number = ++calls;
        const hear = (event) => {
          const answer = JSON.parse(event.message);
          if (event.sessionId !== sessionId || answer.id !== number) return;
          debug.off('Target.receivedMessageFromTarget', hear);
          resolve(answer.result);
        };
        debug.on('Target.receivedMessageFromTarget', hear);
        debug.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id: number, method, params }) });
      });
    const evaluate = async (expression) => (await call('Runtime.evaluate', { expression, returnByValue: true })).result.value;
    await until(() => evaluate("document.querySelector('main')?.getAttribute('aria-busy') === 'false'"));
    const value = await evaluate(expression);
    if (picture) writeFileSync(picture, Buffer.from((await call('Page.captureScreenshot', {})).data, 'base64'));
    await debug.send('Target.detachFromTarget', { sessionId });
    return value;
  };

  return {
    context,
    id,
    inPopup,
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
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Asks until there is an answer. */
export async function until(ask) {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > deadline) throw new Error('it did not come within 30 seconds');
    await new Promise(setImmediate);
  }
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

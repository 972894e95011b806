// The browsers that the suites run in, each by its own WebDriver. Every one is given the world as its proxy.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { Builder, Capabilities } = require('selenium-webdriver');
const { DriverService } = require('selenium-webdriver/remote');
const { findFreePort } = require('selenium-webdriver/net/portprober');

const MINI_BROWSER = '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser';

const ENGINES = {
  chromium: {
    driver: () => process.env.CHROMEDRIVER ?? 'chromedriver',
    capabilities: (proxy) => ({
      browserName: 'chrome',
      'goog:chromeOptions': {
        binary: process.env.TAGWERK_CHROMIUM ?? '/usr/bin/chromium',
        args: [
          '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--no-first-run',
          // Requests to the machine itself go by the proxy as well, and http is not tried as https first.
          `--proxy-server=http://${proxy}`, '--proxy-bypass-list=<-loopback>', '--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable',
        ],
      },
    }),
  },
  firefox: {
    driver: () => process.env.GECKODRIVER ?? 'geckodriver',
    capabilities: (proxy) => {
      const [host, port] = proxy.split(':');
      return {
        browserName: 'firefox',
        'moz:firefoxOptions': {
          binary: process.env.TAGWERK_FIREFOX ?? '/usr/bin/firefox-esr',
          args: ['-headless'],
          prefs: {
            'network.proxy.type': 1,
            'network.proxy.http': host,
            'network.proxy.http_port': Number(port),
            'network.proxy.no_proxies_on': '',
            'network.proxy.allow_hijacking_localhost': true,
            'dom.security.https_first': false,
            // How many pages that were left are kept is a matter of the machine's memory, else.
            'browser.sessionhistory.max_total_viewers': 8,
            // The process of a site that the last tab leaves is told to end at once, and a script that still runs in it, such as a listener
            // to `pagehide`, is cut off: a matter of chance, which rows cannot be built on.
            'dom.abort_script_on_child_shutdown': false,
            // A tab that is opened beside the page stays behind it, as in the other engines.
            'browser.tabs.loadInBackground': true,
          },
        },
      };
    },
  },
  webkit: {
    // WebDriver's middle and right clicks reach the page as clicks by the main button there
    // (https://bugs.webkit.org/show_bug.cgi?id=306239), so those are made by the display's own pointer.
    async click(driver, element, button) {
      // Where the page lies in the window is a matter of the tabs that come and go above it.
      const place = `const { x, y, width, height } = arguments[0].getBoundingClientRect();
        return [screenX + x + width / 2, screenY + outerHeight - innerHeight + y + height / 2].map(Math.round)`;
      const isOver = async () => {
        const at = await driver.executeScript(place, element);
        execFileSync('xdotool', ['mousemove', '0', '0', 'mousemove', ...at.map(String)]);
        const over = await driver.executeScript("return arguments[0].matches(':hover')", element);
        // A menu that came up after its Escape keeps the pointer to itself.
        if (!over) execFileSync('xdotool', ['key', 'Escape']);
        return over;
      };
      await driver.wait(isOver, 15_000, 'the pointer is over the element: it did not get there', 25);
      execFileSync('xdotool', ['click', String(button + 1)]);
    },
    /** Closes what a right click has opened, which keeps the display's pointer. */
    dismiss: () => execFileSync('xdotool', ['key', 'Escape']),
    driver: () => process.env.WEBKIT_DRIVER ?? 'WebKitWebDriver',
    env: { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' },
    capabilities: (proxy) => ({
      browserName: 'MiniBrowser',
      proxy: { proxyType: 'manual', httpProxy: proxy },
      'webkitgtk:browserOptions': { binary: process.env.TAGWERK_MINI_BROWSER ?? MINI_BROWSER, args: ['--automation'] },
    }),
  },
};

/** The engine that this run is about. */
export const engine = process.env.TAGWERK_ENGINE ?? 'chromium';
if (!ENGINES[engine]) throw new Error(`TAGWERK_ENGINE=${engine}: there are ${Object.keys(ENGINES).join(', ')}`);

/** How a click by another button is made where WebDriver cannot: `click(driver, element, button)`, `dismiss()`. */
export const { click: clickByHand, dismiss: dismissByHand } = ENGINES[engine];

/** Starts the engine with this proxy (`host:port`): its driver, and a function that ends it. */
export async function startEngine(proxy) {
  const { driver: executable, env, capabilities } = ENGINES[engine];
  const port = await findFreePort('127.0.0.1');
  const service = new DriverService(executable(), { loopback: true, port, args: [`--port=${port}`], env: { ...process.env, ...env } });
  const address = await service.start();
  const wanted = new Capabilities({ ...capabilities(proxy), unhandledPromptBehavior: 'dismiss' });
  try {
    const driver = await new Builder().disableEnvironmentOverrides().usingServer(address).withCapabilities(wanted).build();
    const found = await driver.getCapabilities();
    return {
      driver,
      version: `${found.getBrowserName()} ${found.getBrowserVersion()}`,
      async stop() {
        await driver.quit().catch(() => {});
        await service.kill();
      },
    };
  } catch (error) {
    await service.kill();
    throw error;
  }
}

// The browser that tests run in, and the driver that belongs to it.
import { accessSync, constants } from 'node:fs';
import { platform } from 'node:os';
import { delimiter, join } from 'node:path';
import { read, run } from './run.mjs';
import { Missing } from './steps.mjs';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const PLACES = ['/usr/bin', '/Applications/Google Chrome.app/Contents/MacOS', '/Applications/Chromium.app/Contents/MacOS'];
const APT = ['install', '-y', '-o', 'DPkg::Lock::Timeout=300', 'chromium', 'chromium-driver'];

/** Finds or installs Chromium and its driver, and tells both to what runs later: TAGWERK_CHROMIUM and CHROMEDRIVER. */
export const browserStep = {
  name: 'Chromium',
  async work(say) {
    let pair = find();
    if (!pair.complete && platform() === 'linux' && read('apt-get', ['--version']) && process.getuid?.() === 0) {
      say('installing chromium and chromium-driver with apt');
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      await run('apt-get', ['update'], { env });
      await run('apt-get', APT, { env });
      pair = find();
    }
    if (!pair.complete) throw new Missing(advice(pair));
    const [browser, driver] = [pair.browser, pair.driver].map((path) => read(path, ['--version'])?.match(/\d+(\.\d+)+/)?.[0]);
    if (!browser || !driver) throw new Missing(`${browser ? pair.driver : pair.browser} does not run: try it with --version.`);
    if (major(browser) !== major(driver)) {
      throw new Missing(`${pair.browser} is ${browser} and ${pair.driver} is ${driver}: the tests need a driver of the browser's own major version.`);
    }
    process.env.TAGWERK_CHROMIUM = pair.browser;
    process.env.CHROMEDRIVER = pair.driver;
    return browser;
  },
};

function find() {
  const names = [...BROWSERS, 'Google Chrome', 'Chromium'];
  const browser = process.env.TAGWERK_CHROMIUM ?? search(names);
  const driver = process.env.CHROMEDRIVER ?? search(['chromedriver']);
  return { browser, driver, complete: Boolean(browser && driver) };
}

function search(names) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...PLACES];
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(runs);
}

function runs(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function major(version) {
  return version.split('.')[0];
}

function advice({ browser }) {
  const what = browser ? `There is ${browser} but no chromedriver for it.` : 'Chromium (or Chrome) and chromedriver are missing; the browser tests need both.';
  const how = {
    linux: 'On Debian and its kin: sudo apt-get update && sudo apt-get install chromium chromium-driver',
    darwin: 'With Homebrew: brew install --cask google-chrome chromedriver',
  };
  return `${what}\n${how[platform()] ?? 'Install both and put them on PATH.'}\nIf they are elsewhere, name them: TAGWERK_CHROMIUM=/path/to/chromium CHROMEDRIVER=/path/to/chromedriver`;
}

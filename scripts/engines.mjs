// `npm run test:engines`: the browser suites (tests/engines) in Firefox and WebKit, which are installed where that is possible; an
// engine that is not there is said to be missing, and counts nothing. `npm run test:engines -- webkit` runs one alone. With
// `--write` the table of all engines, Chromium's too, goes into docs/engines.md.
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { tagStep } from './build.mjs';
import { browserStep } from './browser.mjs';
import { table } from './engine-table.mjs';
import { read, root, run } from './run.mjs';
import { installTool, setupSteps } from './setup.mjs';
import { engineSuites, stage, sum, testBuildStep } from './stage.mjs';
import { Failed, Missing, main, walk } from './steps.mjs';

const GECKODRIVER = '0.37.1';
const OUTCOMES = join(root, 'target', 'engines');

const ENGINES = [
  { name: 'chromium', about: 'every suite in headless Chromium', step: browserStep, command: () => ['node', engineSuites()] },
  { name: 'firefox', about: 'every suite in headless Firefox', step: { name: 'Firefox', work: firefox }, command: () => ['node', engineSuites()] },
  {
    name: 'webkit',
    about: 'every suite in WebKitGTK, on a display of its own',
    step: { name: 'WebKit', work: webkit },
    command: () => ['xvfb-run', ['-a', 'node', ...engineSuites()]],
  },
];

async function firefox(say) {
  const find = () => ['firefox-esr', 'firefox'].map((name) => process.env.TAGWERK_FIREFOX ?? which(name)).find(Boolean);
  const browser = find() ?? (await apt(say, ['firefox-esr'])) ?? find();
  if (!browser) throw new Missing('Firefox is missing. On Debian and its kin: sudo apt-get install firefox-esr');
  process.env.TAGWERK_FIREFOX = browser;
  if (!process.env.GECKODRIVER && !which('geckodriver')) await installTool(say, 'geckodriver', GECKODRIVER, ['--locked']);
  const driver = process.env.GECKODRIVER ?? which('geckodriver');
  if (!driver) throw new Missing(`geckodriver is missing: cargo install geckodriver --version ${GECKODRIVER} --locked`);
  process.env.GECKODRIVER = driver;
  return read(browser, ['--version']) ?? 'found';
}

async function webkit(say) {
  const parts = () => ({ driver: process.env.WEBKIT_DRIVER ?? which('WebKitWebDriver'), browser: process.env.TAGWERK_MINI_BROWSER ?? miniBrowser(), display: which('xvfb-run'), pointer: which('xdotool') });
  const complete = () => Object.values(parts()).every(Boolean);
  if (!complete()) await apt(say, ['webkit2gtk-driver', 'xvfb', 'xauth', 'xdotool']);
  if (!complete()) throw new Missing('WebKitGTK with its driver is missing. On Debian and its kin: sudo apt-get install webkit2gtk-driver xvfb xauth xdotool');
  const { driver, browser } = parts();
  process.env.WEBKIT_DRIVER = driver;
  process.env.TAGWERK_MINI_BROWSER = browser;
  return browser;
}

/** The browser that comes with the library; it lies in a folder named after the machine's architecture. */
function miniBrowser() {
  const below = (folder) => (existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []);
  return ['/usr/lib', '/usr/libexec', ...below('/usr/lib')]
    .flatMap((folder) => ['webkit2gtk-4.1', 'webkit2gtk-4.0', 'webkitgtk-6.0'].map((name) => join(folder, name, 'MiniBrowser')))
    .find(existsSync);
}

function which(name) {
  return read('sh', ['-c', `command -v ${name}`]) ?? undefined;
}

/** Installs Debian packages where we may; where it goes wrong, what is missing is said by whoever asked. */
async function apt(say, packages) {
  if (platform() !== 'linux' || !which('apt-get') || process.getuid?.() !== 0) return;
  say(`installing ${packages.join(', ')} with apt`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const done = async (...args) => run('apt-get', args, { env });
  await done('update').catch((error) => console.log(error.message));
  await done('install', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', ...packages).catch((error) => console.log(error.message));
}

/** What the suites wrote down: `{ engine, version, suite, outcomes }`, one for each engine and suite. */
const outcomes = () => (existsSync(OUTCOMES) ? readdirSync(OUTCOMES).filter((name) => name.endsWith('.json')).map((name) => JSON.parse(readFileSync(join(OUTCOMES, name), 'utf8'))) : []);

await main(import.meta.url, async () => {
  const write = process.argv.includes('--write');
  const names = process.argv.slice(2).filter((name) => name !== '--write');
  const unknown = names.find((name) => !ENGINES.some((one) => one.name === name));
  if (unknown) throw new Failed(`there is no engine ${unknown}; there are ${ENGINES.map((one) => one.name).join(', ')}`);
  // Chromium has its turn in `npm test`.
  const wanted = ENGINES.filter(({ name }) => (names.length ? names.includes(name) : write || name !== 'chromium'));

  await walk([...setupSteps(), tagStep, testBuildStep]);
  rmSync(OUTCOMES, { recursive: true, force: true });
  const results = [];
  const missing = [];
  for (const { step, ...one } of wanted) {
    try {
      await walk([step]);
    } catch (error) {
      if (!(error instanceof Missing || error instanceof Failed)) throw error;
      console.log(`\n== ${one.name}: NOT RUN. ${error.message}`);
      missing.push(`${one.name.padEnd(8)} NOT RUN: ${error.message}`);
      continue;
    }
    results.push(await stage({ ...one, env: { TAGWERK_ENGINE: one.name } }));
  }

  const found = outcomes();
  for (const { engine, suite, outcomes } of found) {
    for (const { title, reason } of outcomes.filter(({ outcome }) => outcome === 'differs')) console.log(`${engine} cannot show, ${suite}: ${title}: ${reason}`);
  }
  if (write) {
    writeFileSync(join(root, 'docs', 'engines.md'), table(found));
    console.log('wrote docs/engines.md');
  }
  missing.forEach((line) => console.log(line));
  process.exitCode = sum(results).failed > 0 ? 1 : 0;
});

// `npm test`: sets up, then runs every test there is. `npm test -- native` (or browser, e2e, extension, scripts) runs one stage alone.
// The last line is the count over all stages.
import { join } from 'node:path';
import { tagStep } from './build.mjs';
import { extensionStep } from './extension.mjs';
import { root } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { engineSuites, stage, sum, testBuildStep, tests } from './stage.mjs';
import { Failed, main, walk } from './steps.mjs';
import { Tally } from './tally.mjs';

const STAGES = [
  {
    name: 'scripts',
    about: 'the scripts of this repository, the types of the tag, the report without WebAssembly',
    command: () => ['node', ['--test', '--test-reporter=spec', ...['scripts', 'tests/types', 'inspect/tests'].flatMap(tests)]],
  },
  {
    name: 'native',
    about: 'protocol, server and the tag\'s pure half',
    command: () => ['cargo', ['test', '--workspace', '--no-fail-fast']],
  },
  {
    name: 'browser',
    about: 'the tag in headless Chrome',
    command: () => [
      'wasm-pack',
      ['test', '--headless', '--chrome', '--chromedriver', process.env.CHROMEDRIVER, '--mode', 'no-install'],
    ],
  },
  {
    name: 'inspect',
    about: 'the inspection module in headless Chrome',
    command: () => ['wasm-pack', ['test', '--headless', '--chrome', '--chromedriver', process.env.CHROMEDRIVER, '--mode', 'no-install', 'inspect']],
  },
  {
    name: 'e2e',
    about: 'whole stories: real server, real browser',
    // One file at a time: each starts a server and a browser of its own. The limit is a file's: what hangs ends, and counts.
    command: () => ['node', ['--test', '--test-reporter=spec', '--test-concurrency=1', '--test-timeout=1200000', ...tests('tests/e2e')]],
  },
  {
    name: 'extension',
    about: 'the helper extension: its pure parts, then packed, in headless Chromium on good and broken pages',
    command: () => ['node', ['--test', '--test-reporter=spec', '--test-concurrency=1', '--test-timeout=1200000', ...['extension/test', 'tests/extension'].flatMap(tests)]],
  },
  {
    name: 'engines',
    about: 'every click, hard pages and consent, in headless Chromium (Firefox and WebKit: npm run test:engines)',
    command: () => ['node', engineSuites()],
  },
];

await main(import.meta.url, async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !STAGES.some((one) => one.name === name));
  if (unknown) throw new Failed(`there is no stage ${unknown}; there are ${STAGES.map((one) => one.name).join(', ')}`);
  const stages = STAGES.filter(({ name }) => wanted.length === 0 || wanted.includes(name));

  process.env.WASM_BINDGEN_TEST_TIMEOUT ??= '180';
  // The browser's flags, for tests of a package in a folder of its own too.
  process.env.WASM_BINDGEN_TEST_WEBDRIVER_JSON ??= join(root, 'webdriver.json');
  const total = new Tally();
  const results = [];
  try {
    await walk([...setupSteps({ browser: true }), tagStep, extensionStep, testBuildStep]);
    for (const one of stages) results.push(await stage(one));
  } catch (error) {
    total.add(0, 1);
    console.error(`\n${error instanceof Failed ? error.message : error.stack}`);
  }
  process.exitCode = sum(results, total).failed > 0 ? 1 : 0;
});

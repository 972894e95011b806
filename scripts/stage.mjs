// A stage of tests: one runner, watched and counted.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, watch } from './run.mjs';
import { Failed, seconds } from './steps.mjs';
import { Tally } from './tally.mjs';

/** The step that builds what the tests run: with the very dependencies that they have, so that nothing is compiled twice. */
export const testBuildStep = {
  name: 'Server and tests',
  async work(say) {
    say('cargo test --no-run');
    await run('cargo', ['test', '--workspace', '--no-run']);
    return 'built';
  },
};

/** The test files of a folder. */
export function tests(folder) {
  const path = join(root, folder);
  const names = existsSync(path) ? readdirSync(path).filter((name) => name.endsWith('.test.mjs')) : [];
  if (names.length === 0) throw new Failed(`${folder} holds no *.test.mjs`);
  return names.sort().map((name) => join(folder, name));
}

/** The browser suites; one file at a time, since each starts a server and a browser of its own. What hangs ends, and counts. */
export const engineSuites = () => ['--test', '--test-reporter=spec', '--test-concurrency=1', '--test-timeout=1200000', ...tests('tests/engines')];

/** Runs a stage to its end and says how it went. */
export async function stage({ name, about, command, env }) {
  const since = Date.now();
  console.log(`\n== ${name}: ${about}`);
  const tally = new Tally();
  let reason;
  try {
    reason = tally.close(await watch(...command(), (line) => tally.see(line), env && { env: { ...process.env, ...env } }));
  } catch (error) {
    tally.close(1);
    reason = error.message;
  }
  console.log(`== ${name}: ${tally} (${seconds(since)} s)${reason ? `: ${reason}` : ''}`);
  return { name, tally, reason, took: seconds(since) };
}

/** One line for each stage, and last the count over all. Answers the count. */
export function sum(results, total = new Tally()) {
  console.log('');
  for (const { name, tally, reason, took } of results) {
    total.add(tally.passed, tally.failed);
    console.log(`${name.padEnd(9)} ${tally} in ${took} s${reason ? ` (${reason})` : ''}`);
  }
  console.log(String(total));
  return total;
}

// What the tag costs a page, beside other tags: script time, heap, requests, and whether it is in the way of a click. Writes
// bench/tag.md. `npm run bench:tag -- --rounds 5 --only Tagwerk,Plausible` measures less, and then only prints.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, platform, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants } from 'node:zlib';
import { scriptLine } from '../bench/tag/page.mjs';
import { LEFT_OUT, PEERS } from '../bench/tag/peers.mjs';
import { SHOP, startWorld } from '../bench/tag/world.mjs';
import { serverStep, tagStep } from './build.mjs';
import { ended, root, run } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { Failed, main, seconds, walk } from './steps.mjs';

const folder = join(root, 'bench', 'tag');
const OURS = 'Tagwerk';

const peersStep = {
  name: 'Peers',
  async work(say) {
    const installed = join(folder, 'node_modules', '.package-lock.json');
    const locked = join(folder, 'package-lock.json');
    if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(locked).mtimeMs) return 'up to date';
    say('installing with npm ci');
    await run('npm', ['ci', '--ignore-scripts'], { cwd: folder, shell: platform() === 'win32' });
    return 'installed';
  },
};

/** Our server on an empty folder; the tag in it is the one that visitors get, settings and all. */
async function startServer(data) {
  const env = { ...process.env, TAGWERK_LISTEN: '127.0.0.1:0', TAGWERK_DATA_DIR: data, TAGWERK_PUBLIC_URL: 'http://t.example', TAGWERK_LOG: 'error', TAGWERK_RATES: '0', TAGWERK_ADMIN_TOKEN: 'bench-token-of-this-run-only' };
  const binary = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug', 'tagwerk');
  const site = await lineOf(spawn(binary, ['site', 'add', '--name', 'bench', '--origin', SHOP], { env, stdio: ['ignore', 'pipe', 'inherit'] }), /^site_id=(\S+)$/);
  const child = spawn(binary, ['serve'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  return { child, site, url: await lineOf(child, /^listening on (http\S+)/) };
}

/** What a pattern finds in the first line of a program's output that it matches. */
async function lineOf(child, pattern) {
  for await (const line of createInterface({ input: child.stdout })) {
    const found = line.match(pattern)?.[1];
    if (found) return found;
  }
  throw new Failed(`${child.spawnargs.join(' ')} printed nothing like ${pattern}`);
}

async function bundle({ name, code, apart = [], whole = false }) {
  const { build } = await import('esbuild');
  const options = { bundle: true, minify: true, write: false, legalComments: 'none', charset: 'utf8', target: 'es2020', format: 'iife', logLevel: 'error' };
  const result = await build({ ...options, stdin: { contents: code, resolveDir: folder, sourcefile: `${name}.js` }, external: apart, ignoreAnnotations: whole, define: { 'process.env.NODE_ENV': '"production"' } });
  return Buffer.from(result.outputFiles[0].contents);
}

const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }).length;

function version(name) {
  return `${name} ${JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version}`;
}

function budgets(results, sizes, median) {
  const by = (name) => results.find((result) => result.name === name);
  const [none, ours] = [by('no tag'), by(OURS)];
  if (!none || !ours) return [];
  const figure = (key) => (median(ours.large.map((run) => run[key])) - median(none.large.map((run) => run[key]))).toFixed(1);
  const handler = (result) => median(result.clicks.flatMap((run) => run.handler));
  const leave = (result, state) => `${median(result.leaving[state]).toFixed(0)}`;
  return [
    ['script to load, beyond the page\'s own', '≤ 8 ms', `${figure('loadWall')} ms, ${figure('load')} of them computing`],
    ['6 s idle, beyond the page\'s own', '0', `${figure('idle')} ms`],
    ['inserting 2,000 offers, beyond the page\'s own', '≤ 2 ms', `${figure('insertWall')} ms, ${figure('insert')} of them computing`],
    ['heap', '≤ 1.2 MB', `${median(ours.large.map((run) => run.heap)).toFixed(2)} MB (no tag ${median(none.large.map((run) => run.heap)).toFixed(2)})`],
    ['click handler, median', '≤ 1 ms', `${handler(ours).toFixed(2)} ms (no tag ${handler(none).toFixed(2)})`],
    ['requests before the first click', '≤ 4, none blocking', `${median(ours.large.map((run) => run.requests))}, ${median(ours.large.map((run) => run.blocking))} blocking`],
    ['to navigation: collector answers, hangs, is down', 'as without tag', `${['answers', 'hangs', 'down'].map((state) => leave(ours, state)).join(', ')} ms (no tag ${leave(none, 'answers')})`],
    ['everything downloaded, brotli', '≤ 16,000 B', `${sizes.get(OURS)?.toLocaleString('en')} B`],
  ];
}

await main(import.meta.url, async () => {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, only: { type: 'string' } } });
  const rounds = Number(values.rounds);
  if (!(rounds >= 1)) throw new Failed('--rounds wants a number');
  const only = values.only?.split(',');
  await walk([...setupSteps({ browser: true }), tagStep, serverStep(), peersStep]);
  // Imported late: on a fresh machine a step before this one installs what they need.
  const [{ launch }, { large, thread, clicks, leaving }, { report, median }] = await Promise.all([import('../tests/e2e/browser.mjs'), import('../bench/tag/measure.mjs'), import('../bench/tag/report.mjs')]);

  const data = mkdtempSync(join(tmpdir(), 'tagwerk-bench-'));
  let server;
  let world;
  let browser;
  try {
    server = await startServer(data);
    const scripts = new Map();
    const peers = [];
    for (const peer of PEERS) {
      const path = `/${peer.name}.js`;
      scripts.set(path, await bundle(peer));
      peers.push({ ...peer, tag: scriptLine(`http://peers.example${path}`), made: peer.packages.map(version).join(', ') });
    }
    world = await startWorld({ tagwerk: server.url, scripts });
    browser = await launch(world.flags);
    const all = [{ name: 'no tag', tag: '' }, { name: OURS, tag: scriptLine(`http://t.example/${server.site}.js`), made: 'this checkout', does: 'outbound clicks, decorates' }, ...peers];
    const candidates = all.filter(({ name }) => !only || only.includes(name) || name === 'no tag');
    const results = candidates.map(({ name, made, does }) => ({ name, made, does, large: [], thread: [], clicks: [], leaving: { answers: [], hangs: [], down: [] } }));

    // One round that is not counted: caches, the browser's own start.
    for (const candidate of candidates) await leaving(browser, world, candidate, 'answers');
    for (let round = 0; round < rounds; round++) {
      const since = Date.now();
      for (const [index, candidate] of candidates.entries()) results[index].large.push(await large(browser, world, candidate));
      for (const [index, candidate] of candidates.entries()) results[index].thread.push(await thread(browser, world, candidate));
      for (const [index, candidate] of candidates.entries()) results[index].clicks.push(await clicks(browser, world, candidate));
      for (const state of ['answers', 'hangs', 'down']) {
        for (const [index, candidate] of candidates.entries()) results[index].leaving[state].push(await leaving(browser, world, candidate, state));
      }
      console.log(`round ${round + 1} of ${rounds} (${seconds(since)} s)`);
    }

    const ours = [...world.kept].filter(([, { status }]) => status === 200).map(([, { body }]) => brotli(body));
    const sizes = new Map([[OURS, ours.reduce((sum, size) => sum + size, 0)], ...peers.map(({ name }) => [name, brotli(scripts.get(`/${name}.js`))])]);
    const machine = `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${(totalmem() / 2 ** 30).toFixed(0)} GB, ${platform()}, Chromium ${browser.version()}, Node ${process.versions.node}`;
    const text = report({ results, sizes, leftOut: LEFT_OUT, machine, rounds, budgets: (all) => budgets(all, sizes, median) });
    console.log(`\n${text}`);
    if (!only) {
      writeFileSync(join(root, 'bench', 'tag.md'), text);
      console.log('written: bench/tag.md');
    }
  } finally {
    await browser?.close();
    await world?.stop();
    if (server && server.child.exitCode === null) {
      const done = ended(server.child);
      server.child.kill('SIGTERM');
      await done;
    }
    rmSync(data, { recursive: true, force: true });
  }
});

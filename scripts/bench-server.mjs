// How many postbacks a second the release server makes durable, how long each takes, and the memory that takes.
// Writes bench/server.md. `npm run bench:server -- 200000` measures that many postbacks instead of 50,000.
import { spawn } from 'node:child_process';
import { closeSync, fsyncSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { serverStep, tagStep } from './build.mjs';
import { load, percentile } from './load.mjs';
import { ended, read, root } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { Failed, main, walk } from './steps.mjs';

const CONNECTIONS = 64;
const WARM_UP = 5_000;
const TICKS = 100; // of /proc/<pid>/stat in a second
const binary = join(root, 'target', 'release', 'tagwerk');

/** Starts the server; answers with its process and the URL it printed. */
async function start() {
  const server = spawn(binary, ['serve'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await new Promise((resolve, reject) => {
    server.on('exit', (code) => reject(new Failed(`the server ended with ${code} before it listened`)));
    createInterface({ input: server.stdout }).on('line', (line) => {
      const found = line.match(/^listening on (http\S+)/);
      if (found) resolve(found[1]);
    });
  });
  return { server, url };
}

function addSite() {
  const text = read(binary, ['site', 'add', '--name', 'bench']) ?? '';
  const id = (key) => text.match(new RegExp(`^${key}=(\\S+)$`, 'm'))?.[1];
  if (!id('site_id') || !id('tracking_id')) throw new Failed('`tagwerk site add` printed no ids');
  return { site: id('site_id'), tracking: id('tracking_id') };
}

/** One visit per connection, so that the postbacks are attributed as real ones are. */
async function visits(url, site) {
  const ids = Array.from({ length: CONNECTIONS }, (_, index) => index.toString(36).padStart(16, 'bench0000000'));
  const lines = ids.map((id) => {
    const page = 'https://shop.example/review?utm_source=google&utm_medium=cpc&utm_campaign=bench&gclid=Cj0KCQbench';
    const at = String(Date.now());
    return new URLSearchParams({ event_id: `event-${id}`, name: 'PageView', at, visit_id: id, page, landing_at: at, landing_page: page, landing_referrer: '' });
  });
  const answer = await fetch(`${url}/${site}/event`, { method: 'POST', body: lines.join('\n'), headers: { 'content-type': 'text/plain' } });
  if (answer.status !== 204) throw new Failed(`the visits were answered ${answer.status}: ${await answer.text()}`);
  return ids;
}

/** A click id of a visit (docs/architecture.md): 16 characters of the visit, 14 of its own, 2 that check. */
function clickId(visit, number) {
  const body = visit + number.toString(36).padStart(14, '0');
  const hash = [...body].reduce((sum, char) => (sum * 37 + Number.parseInt(char, 36) + 1) % 1296, 0);
  return body + Math.floor(hash / 36).toString(36) + (hash % 36).toString(36);
}

function postback(tracking, ids, number) {
  const amounts = 'amount_affiliate=101.64&amount_brutto=165.19&amount_netto=163.55&currency=EUR';
  const facts = 'transaction_type=payment&order_type=initial_sale&billing_type=single_payment&billing_status=completed';
  const product = 'product_id=438218&product_name=A%20product&order_id=ORDER' + number;
  return `/${tracking}/collect/digistore24?cid=${clickId(ids[number % ids.length], number)}&transaction_id=T${number}&${amounts}&${facts}&${product}&is_test=&random=${number}`;
}

/** Memory in MB and CPU seconds of a process, where the system tells. */
function usage(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const megabytes = (key) => Number(status.match(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm'))?.[1]) / 1024;
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return { rss: megabytes('VmRSS'), peak: megabytes('VmHWM'), cpu: (Number(fields[11]) + Number(fields[12])) / TICKS };
  } catch {
    return { rss: Number.NaN, peak: Number.NaN, cpu: Number.NaN };
  }
}

/** Each thread's CPU seconds, by its id and name. */
function threads(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).map((id) => {
      const [, name, rest] = readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8').match(/\((.*)\) (.*)/);
      const fields = rest.split(' ');
      return { id, name, cpu: (Number(fields[11]) + Number(fields[12])) / TICKS };
    });
  } catch {
    return [];
  }
}

/** The thread that worked most between two looks, and its share of a core. */
function busiest(before, after, seconds) {
  const shares = after.map(({ id, name, cpu }) => ({ name, share: (cpu - (before.find((one) => one.id === id)?.cpu ?? 0)) / seconds }));
  return shares.sort((a, b) => b.share - a.share)[0] ?? { name: 'unknown', share: Number.NaN };
}

/** What the disk under a folder takes to make 4 kB durable, in milliseconds (the median of 200). */
function syncTime(folder) {
  const file = openSync(join(folder, 'sync'), 'w');
  const block = Buffer.alloc(4096, 1);
  const times = Float64Array.from({ length: 200 }, () => {
    const since = performance.now();
    writeSync(file, block);
    fsyncSync(file);
    return performance.now() - since;
  }).sort();
  closeSync(file);
  return percentile(times, 0.5);
}

/** Every postback must be there to be read: a 200 that is not on disk is not counted, it is a defect. */
async function stored(url, site) {
  let count = 0;
  let cursor = '';
  do {
    const answer = await fetch(`${url}/api/v1/sites/${site}/conversions?limit=1000${cursor}`, { headers: { authorization: `Bearer ${process.env.TAGWERK_ADMIN_TOKEN}` } });
    if (!answer.ok) throw new Failed(`the list of conversions was answered ${answer.status}`);
    const { items, next } = await answer.json();
    count += items.filter((item) => item.state === 'attributed').length;
    cursor = next ? `&after=${encodeURIComponent(next)}` : '';
  } while (cursor);
  return count;
}

function one(number, digits = 1) {
  return number.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A sentence on what limits the rate, where the numbers show it: one thread writes, and it was the busiest. */
function limit({ thread, seconds, count }) {
  if (thread.name !== 'store-writer') return '';
  const each = one((1000 * thread.share * seconds) / count, 2);
  return `What limits it: the one thread that writes. It computes ${each} ms for each postback and commits all that has come in the meantime, at most
${CONNECTIONS} postbacks here, in one transaction; for the rest of the time it waits for the disk.

`;
}

function report(facts) {
  return `# Durable postbacks per second

Written by \`npm run bench:server\`. The release server on an empty database, the load generator on the same machine: ${CONNECTIONS} keep-alive
connections, one postback in flight on each, every one a new transaction with a click id of a known visit. Each is answered after its
commit is on disk (\`synchronous=FULL\`). ${facts.count.toLocaleString('en')} postbacks after ${WARM_UP.toLocaleString('en')} to warm up; afterwards all of them were read back as attributed conversions.

| what | value |
|---|---:|
| durable postbacks per second | ${one(facts.count / facts.seconds, 0)} |
| latency, median | ${one(facts.p50)} ms |
| latency, 99th percentile | ${one(facts.p99)} ms |
| memory at rest | ${one(facts.rest)} MB |
| memory under load, most | ${one(facts.peak)} MB |
| processor cores used by the server | ${one(facts.serverCores, 2)} |
| of that, its busiest thread (\`${facts.thread.name}\`) | ${one(facts.thread.share, 2)} |
| processor cores used by the load generator | ${one(facts.loadCores, 2)} |
| one 4 kB write and fsync on that disk, median | ${one(facts.sync, 2)} ms |

${limit(facts)}Machine: ${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${one(totalmem() / 2 ** 30, 0)} GB, ${platform()}, Node ${process.versions.node}.
`;
}

await main(import.meta.url, async () => {
  const count = Number(process.argv[2] ?? 50_000);
  await walk([...setupSteps(), tagStep, serverStep({ release: true })]);
  // Not the system's temporary folder: that may be memory, and then nothing is made durable.
  const folder = mkdtempSync(join(root, 'target', 'bench-'));
  Object.assign(process.env, { TAGWERK_LISTEN: '127.0.0.1:0', TAGWERK_DATA_DIR: join(folder, 'data'), TAGWERK_ADMIN_TOKEN: 'bench-token-of-this-run-only', TAGWERK_LOG: 'warn' });
  let server;
  try {
    const sync = syncTime(folder);
    const { site, tracking } = addSite();
    const started = await start();
    server = started.server;
    const { url } = started;
    const ids = await visits(url, site);
    const rest = usage(server.pid).rss;

    console.log(`warming up with ${WARM_UP} postbacks`);
    await load({ url, connections: CONNECTIONS, count: WARM_UP, request: (number) => postback(tracking, ids, number) });
    console.log(`measuring ${count} postbacks`);
    const before = { server: usage(server.pid).cpu, threads: threads(server.pid), own: process.cpuUsage() };
    let peak = 0;
    const during = (done) => {
      peak = Math.max(peak, usage(server.pid).rss);
      if (done % 10_000 === 0) console.log(`${done} done`);
    };
    const { seconds, latencies } = await load({ url, connections: CONNECTIONS, count, during, request: (number) => postback(tracking, ids, WARM_UP + number) });
    const own = process.cpuUsage(before.own);
    const serverCores = (usage(server.pid).cpu - before.server) / seconds;

    const thread = busiest(before.threads, threads(server.pid), seconds);

    const found = await stored(url, site);
    if (found !== WARM_UP + count) throw new Failed(`${WARM_UP + count} postbacks were answered 200, ${found} attributed conversions were found`);
    const text = report({ count, seconds, sync, thread, rest, peak, serverCores, loadCores: (own.user + own.system) / 1e6 / seconds, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) });
    console.log(`\n${text}`);
    writeFileSync(join(root, 'bench', 'server.md'), text);
    console.log('written: bench/server.md');
  } finally {
    server?.removeAllListeners('exit');
    if (server && server.exitCode === null) {
      const done = ended(server);
      server.kill('SIGTERM');
      await done;
    }
    rmSync(folder, { recursive: true, force: true });
  }
});

// `npm start`: sets up, builds, and runs the server with its demo site until Ctrl-C.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { serverStep, tagStep } from './build.mjs';
import { ended, root } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { Failed, main, walk } from './steps.mjs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

async function serve() {
  process.env.TAGWERK_DATA_DIR ||= join(root, 'data');
  // The demo's offer page sends postbacks to the server itself, and a first trial's platform may be a local stand-in.
  process.env.TAGWERK_ALLOW_PRIVATE_TARGETS ||= '1';
  mkdirSync(process.env.TAGWERK_DATA_DIR, { recursive: true });

  const server = spawn(join(root, 'target', 'release', 'tagwerk'), ['serve', '--demo', ...process.argv.slice(2)], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  // The server drains what it accepted and ends by itself; we stay until it has.
  let stopping = false;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      stopping = true;
      server.kill(signal);
    });
  }
  createInterface({ input: server.stdout }).on('line', (line) => {
    console.log(line);
    const url = line.match(/^listening on (http\S+)/)?.[1];
    if (url) welcome(url);
  });
  const code = await ended(server);
  if (code !== 0 && !stopping) throw new Failed(`the server ended with ${code}; see above`);
}

function welcome(url) {
  console.log(`
  Open ${url}/demo : the demo, a page with affiliate links, an offer behind them and a sale to make
  Open ${url}/     : the dashboard, where the sale shows up with the ad that made it
  Stop with Ctrl-C. Data is kept in ${process.env.TAGWERK_DATA_DIR}.
`);
}

await main(import.meta.url, async () => {
  const took = await walk([...setupSteps(), tagStep, serverStep({ release: true })]);
  console.log(`ready in ${took} s`);
  await serve();
});

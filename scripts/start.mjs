// `npm start`: sets up, builds, and runs the server with its demo site until Ctrl-C.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { serverStep, tagStep } from './build.mjs';
import { ended, root } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { Failed, main, walk } from './steps.mjs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

async function serve() {
  process.env.TAGWERK_DATA_DIR ||= join(root, 'data');
  // On a first trial, whatever the server sends to may be a local stand-in.
  process.env.TAGWERK_ALLOW_PRIVATE_TARGETS ||= '1';

  const server = spawn(join(root, 'target', 'release', 'tagwerk'), ['serve', '--demo', ...process.argv.slice(2)], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  // The server drains what it accepted and ends by itself; we stay until it has.
  let stopping = false;
  const stop = () => {
    stopping = true;
    server.kill('SIGTERM');
  };
  SIGNALS.forEach((signal) => process.on(signal, stop));
  // Whoever started us may be killed without a word to us; a server must not be left behind then.
  const parent = process.ppid;
  const watching = setInterval(() => process.ppid !== parent && stop(), 500);
  let signIn;
  createInterface({ input: server.stdout }).on('line', (line) => {
    console.log(line);
    signIn = line.match(/^sign in once: +(http\S+)/)?.[1] ?? signIn;
    const url = line.match(/^listening on (http\S+)/)?.[1];
    if (url) welcome(url, signIn);
  });
  const code = await ended(server);
  clearInterval(watching);
  if (code !== 0 && !stopping) throw new Failed(`the server ended with ${code}; see above`);
}

function welcome(url, signIn = url) {
  console.log(`
  Open these two:

  1. the demo: arrive as if from an ad, follow a link, let the network report a sale
     ${url}/demo
  2. the dashboard, where that sale stands with its ad (the link signs you in once)
     ${signIn}

  Stop with Ctrl-C. What came in is kept in ${process.env.TAGWERK_DATA_DIR}.
`);
}

await main(import.meta.url, async () => {
  const took = await walk([...setupSteps(), tagStep, serverStep({ release: true })]);
  console.log(`ready in ${took} s`);
  await serve();
});

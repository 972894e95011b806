// Builds the release server and server/examples/bench, which measures it beside nginx and SQLite alone and as its books grow, and
// writes bench/server.md. What follows `--` goes to it: `npm run bench:server -- --rows 10000000`.
import { delimiter, join } from 'node:path';
import { serverStep, tagStep } from './build.mjs';
import { read, root, run } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { Missing, main, walk } from './steps.mjs';

/** Programs, and the Debian packages they are in. */
const NEEDED = { nginx: 'nginx-light', wrk: 'wrk' };

const toolsStep = {
  name: 'nginx and wrk',
  async work(say) {
    // Where Debian keeps nginx is not on everybody's PATH.
    process.env.PATH += delimiter + '/usr/sbin';
    const wanted = Object.keys(NEEDED).filter((name) => read('which', [name]) === null).map((name) => NEEDED[name]);
    if (wanted.length === 0) return 'found';
    const how = `apt-get install --no-install-recommends ${wanted.join(' ')}`;
    if (process.getuid?.() !== 0 || read('apt-get', ['--version']) === null) throw new Missing(`To measure beside nginx, install: ${how}`);
    say(how);
    await run('apt-get', [...how.split(' ').slice(1), '--yes']);
    // Debian starts what it installs, and this nginx is to be there for the measurement alone.
    if (wanted.includes('nginx-light')) read('systemctl', ['disable', '--now', 'nginx']);
    return 'installed';
  },
};

const benchStep = {
  name: 'Measurement',
  async work(say) {
    say('cargo build, release');
    await run('cargo', ['build', '-p', 'tagwerk-server', '--release', '--example', 'bench']);
  },
};

await main(import.meta.url, async () => {
  if (process.platform !== 'linux') throw new Missing('What a process takes is read from /proc, which Linux alone has.');
  await walk([...setupSteps(), toolsStep, tagStep, serverStep({ release: true }), benchStep]);
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  await run(join(target, 'release', 'examples', 'bench'), ['run', '--server', join(target, 'release', 'tagwerk'), ...process.argv.slice(2)]);
});

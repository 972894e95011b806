// Builds the release server and server/examples/outbox_speed.rs, which has it send what waits to fake platforms, and writes
// bench/outbox.md. What follows `--` goes to it: `npm run bench:outbox -- --deliveries 1000000`.
import { join } from 'node:path';
import { serverStep, tagStep } from './build.mjs';
import { root, run } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { Missing, main, walk } from './steps.mjs';

const benchStep = {
  name: 'Measurement',
  async work(say) {
    say('cargo build, release');
    await run('cargo', ['build', '-p', 'tagwerk-server', '--release', '--example', 'outbox_speed']);
  },
};

await main(import.meta.url, async () => {
  if (process.platform !== 'linux') throw new Missing('What a process takes is read from /proc, which Linux alone has.');
  await walk([...setupSteps(), tagStep, serverStep({ release: true }), benchStep]);
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
  await run(join(target, 'release', 'examples', 'outbox_speed'), ['--server', join(target, 'release', 'tagwerk'), ...process.argv.slice(2)]);
});

// Formatting, lints (native and WebAssembly) and the tag's size budget. Every check runs, whatever an earlier one said; the
// exit code is the number of those that failed.
import { tagStep } from './build.mjs';
import { run } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { main, seconds, walk } from './steps.mjs';

const CHECKS = [
  ['formatting', 'cargo', ['fmt', '--all', '--check']],
  ['lints, native', 'cargo', ['clippy', '--workspace', '--all-targets', '--', '-D', 'warnings']],
  ['lints, WebAssembly', 'cargo', ['clippy', '-p', 'tagwerk-tag', '--target', 'wasm32-unknown-unknown', '--all-targets', '--', '-D', 'warnings']],
  ['lints, inspection', 'cargo', ['clippy', '-p', 'tagwerk-inspect', '--target', 'wasm32-unknown-unknown', '--all-targets', '--', '-D', 'warnings']],
  ['size budget', process.execPath, ['scripts/size.mjs', '--check']],
];

await main(import.meta.url, async () => {
  // The server's build embeds the tag, so even a lint of it wants dist/.
  await walk([...setupSteps(), tagStep]);
  const failed = [];
  for (const [name, command, args] of CHECKS) {
    const since = Date.now();
    console.log(`\n== ${name}: ${command === process.execPath ? 'node' : command} ${args.join(' ')}`);
    await run(command, args).catch((error) => failed.push(`${name}: ${error.message}`));
    console.log(`== ${name}: ${seconds(since)} s`);
  }
  failed.forEach((line) => console.error(`failed: ${line}`));
  process.exitCode = failed.length;
});

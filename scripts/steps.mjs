// Numbered steps with visible progress. A step says something when it has work to do, and is one quiet line when it has none.
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Something only the reader can put right: what is missing, and what to do about it. */
export class Missing extends Error {}

/** A command that ended badly; its own output says why. */
export class Failed extends Error {}

/**
 * Runs the steps in order. A step is `{ name, work(say) }`; `work` answers with a few words on how things stand, and calls
 * `say` before anything slow.
 */
export async function walk(steps) {
  const began = Date.now();
  for (const [index, step] of steps.entries()) {
    const label = `[${index + 1}/${steps.length}] ${step.name}`;
    const since = Date.now();
    const outcome = await step.work((doing) => console.log(`${label}: ${doing} ...`));
    console.log(`${label}: ${outcome ?? 'done'} (${seconds(since)} s)`);
  }
  return seconds(began);
}

/** Seconds since a moment, with one decimal. */
export function seconds(since) {
  return ((Date.now() - since) / 1000).toFixed(1);
}

/**
 * Runs a script's body where its file is what node was started with. What only the reader can mend is said without a stack;
 * everything that goes wrong ends in 1.
 */
export async function main(url, body) {
  if (realpathSync(process.argv[1]) !== fileURLToPath(url)) return;
  try {
    await body();
  } catch (error) {
    const expected = error instanceof Missing || error instanceof Failed;
    console.error(`\n${expected ? error.message : error.stack}`);
    process.exitCode = 1;
  }
}

// Starts other programs. Nothing here knows which.
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Failed } from './steps.mjs';

/** The top of the repository. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a program to its end with our own output; a bad end is an error. No input: nothing here may wait for an answer. */
export async function run(command, args, options = {}) {
  const code = await ended(spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options }));
  if (code !== 0) throw new Failed(`${command} ${args.join(' ')} ended with ${code}`);
}

/** Runs a program, shows its output and hands every line of it to `see`; answers how it ended. */
export async function watch(command, args, see, options = {}) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], ...options });
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    console.log(line);
    see(line);
  });
  const read = new Promise((resolve) => lines.on('close', resolve));
  const code = await ended(child);
  await read;
  return code;
}

/** What a program prints, or null where it is missing or ends badly. */
export function read(command, args) {
  const done = spawnSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return done.status === 0 ? done.stdout.trim() : null;
}

/** How a child ended: its exit code, or the signal that ended it. */
export function ended(child) {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(code ?? signal));
  });
}

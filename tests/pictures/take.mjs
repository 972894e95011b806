// `npm run pictures`: takes every picture of the docs from the real server into docs/pictures, and what the commands print into the docs.
//
// The same in every run are words, sizes, languages and what was done; not the ids, the times, what is measured (room on the disk) and the fonts,
// which are those of the machine. So it is run when a page has changed, and not with every commit.
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startCamera } from './camera.mjs';
import { firstHour } from './first_hour.mjs';
import { helper } from './helper.mjs';
import { livedIn } from './lived_in.mjs';
import { placed, terminal } from './terminal.mjs';

/** The folder of the docs. */
export const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
/** The page that shows what the commands print. */
export const PRINTED = 'guide-site-owner.md';

/** Takes every picture into a folder, which is made empty first; answers their names. */
export async function takeAll(folder, options) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const camera = await startCamera(folder, options);
  const ended = await Promise.allSettled([firstHour, livedIn, helper].map((chapter) => chapter(camera)));
  await camera.stop();
  for (const { reason } of ended) if (reason) throw reason;
  return camera.taken;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = join(DOCS, 'pictures');
  const taken = await takeAll(folder);
  const page = join(DOCS, PRINTED);
  const texts = Object.entries(await terminal());
  writeFileSync(page, texts.reduce((text, [name, said]) => placed(text, name, said), readFileSync(page, 'utf8')));
  const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  console.log(`${taken.length} pictures, ${(bytes / 1e6).toFixed(2)} MB, and ${texts.length} texts`);
}

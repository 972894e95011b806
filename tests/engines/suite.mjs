// A suite is a table: every row is one test, in one engine. What a row cannot show there is skipped with the link that
// explains why, and every outcome is written down for the table of all engines (scripts/engines.mjs).
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startServer } from '../e2e/server.mjs';
import { engine, startEngine } from './engine.mjs';
import { Shop } from './shop.mjs';
import { startWorld } from './world.mjs';

const OUTCOMES = fileURLToPath(new URL('../../target/engines/', import.meta.url));
/** The drivers of other engines lose a gesture at times, on a busy machine: a row of theirs has a second try, which is said. */
const TRIES = engine === 'chromium' ? 1 : 2;
/** The site's settings that rows change, as they are at first (a merge patch). */
const SETTINGS = { origins: [], consent: { mode: 'none', gpc: false, decorate_without: true }, existing_subid: 'keep' };

/**
 * Runs a table. A row is `{ name, mode, init, host, settings, differs: { engine: link }, run(shop) }`: `settings` is a merge patch for
 * the site, or makes one of the shop; `differs` names the engines in which the row cannot be shown, each with the link that explains it.
 */
export function suite(name, rows) {
  const outcomes = [];
  const all = {};
  let changed;

  describe(`${name}, ${engine}`, () => {
    const open = async () => Object.assign(all, { running: await startEngine(all.world.proxy) });

    before(async () => {
      all.server = await startServer({ TAGWERK_PUBLIC_URL: 'http://t.example' }, '[limits]\nevents_per_minute = 100000\n');
      all.world = await startWorld(all.server);
      await open();
      console.log(`${engine}: ${all.running.version}`);
    });
    after(async () => {
      await all.running?.stop();
      await all.world?.stop();
      await all.server?.stop();
      mkdirSync(OUTCOMES, { recursive: true });
      writeFileSync(`${OUTCOMES}${engine}-${name}.json`, JSON.stringify({ engine, version: all.running?.version, suite: name, outcomes }, null, 1));
    });
    afterEach(() => all.world.reset());

    for (const row of rows) {
      const title = row.mode ? `${row.name} (${row.mode})` : row.name;
      const reason = row.differs?.[engine];
      if (reason) outcomes.push({ title, outcome: 'differs', reason });
      it(title, { timeout: 60_000 * TRIES, skip: reason && `${engine}: ${reason}` }, async () => {
        const { server, world } = all;
        const outcome = { title, outcome: 'failed' };
        outcomes.push(outcome);
        for (let tries = TRIES; ; tries--) {
          const shop = new Shop({ driver: all.running.driver, world, server }, row);
          const settings = typeof row.settings === 'function' ? row.settings(shop) : row.settings;
          if (changed !== settings) {
            await server.change({ ...SETTINGS, ...settings });
            changed = settings;
          }
          try {
            await row.run(shop);
            await shop.close();
            outcome.outcome = 'passed';
            return;
          } catch (error) {
            // Whatever this row did to the browser, the next one begins with a new one.
            await all.running.stop();
            await open();
            if (tries === 1) throw error;
            console.log(`${engine}: once more, in a new browser: ${title}: ${error.message.split('\n')[0]}`);
            world.reset();
          }
        }
      });
    }
  });
}

/** Every row in both modes of the tag, or in those it names. */
export const inModes = (rows, modes) => modes.flatMap((mode) => rows.filter((row) => (row.modes ?? modes).includes(mode)).map((row) => ({ ...row, mode })));

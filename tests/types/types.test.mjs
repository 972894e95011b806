// www/tagwerk.d.ts: what the compiler takes and refuses, and that the report is of the very shape that Rust writes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const sample = (name) => JSON.parse(readFileSync(here(`../../inspect/tests/${name}.json`), 'utf8'));

/** What the compiler says of a project; nothing where it is content. */
function compile(project) {
  const done = spawnSync(process.execPath, [here('../../node_modules/typescript/bin/tsc'), '--project', project], { encoding: 'utf8' });
  assert.equal(done.error, undefined);
  return done.status === 0 ? '' : done.stdout || done.stderr || `ended with ${done.status}`;
}

describe('the types of the tag', () => {
  let folder;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tagwerk-types-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** What the compiler says of a report, written as a literal: then it knows every key that is missing or too many. */
  const check = (name, report) => {
    const file = join(folder, `${name}.ts`);
    writeFileSync(file, `export const report: tagwerk.Report = ${JSON.stringify(report, null, 1)};\n`);
    const options = { extends: here('tsconfig.json'), files: [here('../../www/tagwerk.d.ts'), file] };
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(options));
    return compile(join(folder, `${name}.json`));
  };

  it('take every call that is right and no other', () => {
    assert.equal(compile(here('tsconfig.json')), '');
  });

  for (const name of ['report', 'least']) {
    it(`describe inspect/tests/${name}.json, which the Rust structs write`, () => {
      assert.equal(check(name, sample(name)), '');
    });
  }

  it('miss a key that the report lacks, at any depth', () => {
    const report = sample('report');
    delete report.events[0].state;
    assert.match(check('lacking', report), /Property 'state' is missing/);
  });

  it('refuse a key that they do not know, at any depth', () => {
    const report = sample('report');
    report.source.landing.host = 'shop.example';
    assert.match(check('exceeding', report), /'"host"' does not exist/);
  });
});

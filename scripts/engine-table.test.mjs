import assert from 'node:assert/strict';
import test from 'node:test';
import { table } from './engine-table.mjs';

const ran = (engine, outcomes, suite = 'clicks') => ({ engine, version: `${engine} 1`, suite, outcomes });

test('every row stands once, in the order of the suite, with what each engine made of it', () => {
  const text = table([
    ran('chromium', [{ title: 'left', outcome: 'passed' }, { title: 'middle', outcome: 'passed' }]),
    ran('webkit', [{ title: 'middle', outcome: 'differs', reason: 'https://bugs.example/1' }, { title: 'left', outcome: 'failed' }]),
  ]);
  const rows = text.split('\n').filter((line) => /^\| (left|middle|passed)/.test(line));
  assert.deepEqual(rows.slice(0, 3), ['| left | pass | **fails** |', '| middle | pass | differs [1] |', '| passed | 2 of 2 | 0 of 2 |']);
  assert.ok(text.includes('1. <https://bugs.example/1>'), text);
});

test('an engine that did not run a row says so', () => {
  const text = table([ran('chromium', [{ title: 'left', outcome: 'passed' }]), ran('firefox', [], 'page')]);
  assert.ok(text.includes('| left | pass | not run |'), text);
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { older } from './setup.mjs';
import { Tally } from './tally.mjs';

function tally(...lines) {
  const count = new Tally();
  lines.forEach((line) => count.see(line));
  return count;
}

test('every test binary of a cargo run counts', () => {
  const count = tally(
    'running 3 tests',
    'test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s',
    'test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.02s',
  );
  assert.equal(String(count), '7 passed, 2 failed');
});

test('the browser runner counts like cargo', () => {
  assert.equal(String(tally('test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 filtered out; finished in 0.02s')), '1 passed, 1 failed');
});

test("node's summary counts in both of its forms", () => {
  assert.equal(String(tally('ℹ tests 3', 'ℹ pass 2', 'ℹ fail 1', 'ℹ cancelled 0')), '2 passed, 1 failed');
  assert.equal(String(tally('# tests 3', '# pass 3', '# fail 0')), '3 passed, 0 failed');
});

test('a cancelled test is a failed one', () => {
  assert.equal(String(tally('ℹ pass 2', 'ℹ fail 0', 'ℹ cancelled 1')), '2 passed, 1 failed');
});

test('colour does not hide a count', () => {
  assert.equal(String(tally('\x1b[34mℹ pass 5\x1b[39m')), '5 passed, 0 failed');
});

test('a stage that ran nothing has failed', () => {
  const count = tally();
  assert.equal(count.close(0), 'no test ran');
  assert.equal(String(count), '0 passed, 1 failed');
});

test('a runner that breaks off after its last passed test has failed', () => {
  const count = tally('ℹ pass 5', 'ℹ fail 0');
  assert.equal(count.close('SIGSEGV'), 'the runner ended with SIGSEGV');
  assert.equal(String(count), '5 passed, 1 failed');
});

test('a good stage is left as it is', () => {
  const count = tally('ℹ pass 5', 'ℹ fail 0');
  assert.equal(count.close(0), null);
  assert.equal(String(count), '5 passed, 0 failed');
});

test('versions compare by number, not by letter', () => {
  assert.ok(older('1.9.0', '1.95'));
  assert.ok(older('0.13.0', '0.13.1'));
  assert.ok(!older('1.95.0', '1.95'));
  assert.ok(!older('2.0.0', '1.95'));
});

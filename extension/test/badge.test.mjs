import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { badge } from '../badge.js';
import { absent, script, seen } from './page.mjs';

describe('the badge', () => {
  it('counts the links that are tagged, in green, where nothing is wrong', () => {
    assert.deepEqual([badge(seen()).text, badge(seen()).color], [String(seen().frames[0].tag.report.links.length), '#0b6e5f']);
  });

  it('counts what is broken, in red', () => {
    const { text, color } = badge(absent({ scripts: [script({ type: 'text/plain', runs: false })] }));
    assert.deepEqual([text, color], ['1', '#c92a2a']);
  });

  it('counts what is to be looked at, in amber', () => {
    const { text, color } = badge(seen({ page: { scripts: [script({ async: false })] } }));
    assert.deepEqual([text, color], ['1', '#b35900']);
  });

  it('says nothing of a page that has nothing to do with Tagwerk, and counts one that should have the tag', () => {
    const none = absent({ scripts: [] });
    assert.equal(badge(none).text, '');
    assert.equal(badge({ ...none, expected: { address: 'https://t.example/x.js', origin: 'https://t.example', site_id: 'siteAbcdef01' } }).text, '1');
  });
});

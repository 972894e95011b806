import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { expectedIn, siteIn, tagScripts } from '../tags.js';
import { absent, script } from './page.mjs';

describe('a script is a tag', () => {
  it('by the site\'s id in its address', () => {
    assert.equal(siteIn('https://t.example/eBuZMV04Lu2y.js'), 'eBuZMV04Lu2y');
    assert.equal(siteIn('https://t.example/eBuZMVqwLurT.js?v=1'), 'eBuZMVqwLurT');
  });

  it('not by any twelve letters', () => {
    for (const name of ['bootstrapApp', 'jquery123456', 'abcdefghijkl', 'myAppBundle1x', 'JQUERYMIGRATE']) assert.equal(siteIn(`https://t.example/${name}.js`), '', name);
  });

  it('where somebody keeps it back in another attribute', () => {
    const [found] = tagScripts(absent({ scripts: [script({ attribute: 'data-src', address: 'https://t.example/eBuZMV04Lu2y.js' })] }).frames[0], null);
    assert.equal(found.site_id, 'eBuZMV04Lu2y');
  });
});

describe('a line that was pasted', () => {
  const expected = { address: 'https://t.example/eBuZMV04Lu2y.js', origin: 'https://t.example', site_id: 'eBuZMV04Lu2y' };

  it('is read as the line, and as its address alone', () => {
    assert.deepEqual(expectedIn('<script async src="https://t.example/eBuZMV04Lu2y.js"></script>'), expected);
    assert.deepEqual(expectedIn(' https://t.example/eBuZMV04Lu2y.js '), expected);
  });

  it('is read with a path of the operator\'s own', () => {
    assert.equal(expectedIn('https://t.example/lib/eBuZMV04Lu2y/x.js').site_id, 'eBuZMV04Lu2y');
  });

  it('is nothing where it is something else', () => {
    for (const text of ['', 'hello', 'https://t.example/', 'javascript:alert(1)//eBuZMV04Lu2y.js']) assert.equal(expectedIn(text), null, text);
  });
});

// What the docs name is there: files, pictures, and headings that links lead to.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { root } from './run.mjs';

/** Every page of the docs, by its path. */
const pages = new Map(
  ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(root, 'docs'), { recursive: true }).map((name) => join('docs', name))]
    .filter((name) => name.endsWith('.md'))
    .map((name) => [join(root, name), readFileSync(join(root, name), 'utf8')]),
);

/** A page without its code, in which brackets mean something else. */
const prose = (text) => text.replace(/^```[^]*?^```$/gm, '').replace(/`[^`\n]*`/g, '');

/** What leads to a heading. */
function anchors(text) {
  const seen = new Map();
  return [...text.replace(/^```[^]*?^```$/gm, '').matchAll(/^#{1,6} +(.*)$/gm)].map(([, heading]) => {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replace(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count ? `${slug}-${count}` : slug;
  });
}

test('every link and picture of the docs leads to something', () => {
  let count = 0;
  for (const [path, text] of pages) {
    for (const [, target] of prose(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file, anchor] = target.split('#');
      const wanted = file ? resolve(dirname(path), file) : path;
      const where = `${relative(root, path)}: ${target}`;
      assert.ok(existsSync(wanted), `${where} is not there`);
      if (anchor !== undefined && pages.has(wanted)) assert.ok(anchors(pages.get(wanted)).includes(anchor), `${where}: there is no such heading`);
      count += 1;
    }
  }
  assert.ok(count > 100, `${count} links`);
});

test('every picture says in words what is on it', () => {
  for (const [path, text] of pages) {
    for (const [whole, words] of prose(text).matchAll(/!\[([^\]]*)\]\([^)]*\)/g)) assert.ok(words.trim().length >= 5, `${relative(root, path)}: ${whole}`);
  }
});

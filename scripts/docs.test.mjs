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

/** All that people can read in the dashboard, the extension and what networks' files say: sources, without what marks them up. */
const readable = () => {
  const files = ['server/templates', 'server/src', 'groups', 'extension'].flatMap((folder) => readdirSync(join(root, folder), { recursive: true }).map((name) => join(folder, name)));
  const texts = files.filter((name) => /\.(html|rs|toml|js)$/.test(name)).map((name) => readFileSync(join(root, name), 'utf8'));
  return texts.join('\n').replace(/<[^>]*>/g, '').replace(/&amp;/g, '&').replace(/[’‘]/g, "'");
};

/** What the server puts together from words of its own. */
const COMPOSED = ['No event yet', 'No postback yet', 'Settings of Digistore24'];

test('what the guides put in bold stands in the dashboard in these words', () => {
  const shown = readable();
  // What is said with emphasis, and titles of answers, which end like sentences.
  const isOwn = (words) => /[?.:]$/.test(words) || ['bold', 'before', 'and', 'helper extension', 'dashboard'].includes(words) || words.includes('`');
  let count = 0;
  for (const name of ['guide-marketer.md', 'guide-site-owner.md']) {
    const text = pages.get(join(root, 'docs', name)).replace(/^```[^]*?^```$/gm, '').replace(/\s+/g, ' ');
    for (const [, bold] of text.matchAll(/\*\*([^*]+)\*\*/g)) {
      if (isOwn(bold.trim()) || bold.startsWith('[')) continue;
      for (const part of bold.split(/ > |\.\.\./).map((words) => words.trim().replace(/[’‘]/g, "'")).filter(Boolean)) {
        assert.ok(shown.includes(part) || COMPOSED.includes(part), `${name}: nothing shows “${part}”`);
        count += 1;
      }
    }
  }
  assert.ok(count > 150, `${count} words`);
});

test('the words of findings that the guides name are those of the extension and of check', () => {
  const told = ['extension.md', 'checking.md', 'tag.md', 'api.md'].map((name) => pages.get(join(root, 'docs', name))).join('\n');
  const named = [...pages.get(join(root, 'docs', 'guide-site-owner.md')).matchAll(/`([a-z]+(?:_[a-z]+)*)`/g)].map(([, word]) => word);
  for (const word of named) assert.ok(told.includes(`\`${word}`), `guide-site-owner.md: nothing is called ${word}`);
  assert.ok(named.length > 40, `${named.length} words`);
});

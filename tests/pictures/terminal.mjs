// What `tagwerk check` and `tagwerk doctor` print, as the docs show it: run for real, with what differs from run to run left out.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startLivedIn } from '../e2e/lived_in.mjs';
import { startServer } from '../e2e/server.mjs';

const BINARY = process.env.TAGWERK_BINARY ?? fileURLToPath(new URL('../../target/debug/tagwerk', import.meta.url));

/** What a command prints on standard output. Nothing of our own environment gets to it. */
async function printed(args, env = {}) {
  const child = spawn(BINARY, args, { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'ignore'] });
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  await new Promise((resolve) => child.on('close', resolve));
  return Buffer.concat(chunks).toString();
}

/** Leaves out the findings of these words, with what mends them. */
const without = (text, ...words) => {
  let left = false;
  return text.split('\n').filter((line) => {
    const word = /^ *(?:error|warning|note|ok) +(\w+) /.exec(line)?.[1];
    if (word) left = words.includes(word);
    else if (!line.trim().startsWith('->')) left = false;
    return !left;
  }).join('\n');
};

/** A page that is checked: a link that is right, one whose redirect drops the click id, and a policy that forbids reporting. */
async function check() {
  const server = await startServer({ TAGWERK_ALLOW_PRIVATE_TARGETS: '1' });
  const body = `<!doctype html><html><head><title>A review</title><script async src="${server.url}/${server.site.site_id}.js"></script></head><body>
<a href="https://www.checkout-ds24.com/redir/500418/kitchennotes/spring">the course</a> <a href="/go/stones">the stones</a> <a href="/about">About</a></body></html>`;
  const blog = createServer(({ url }, response) => {
    if (url.startsWith('/go/')) return response.writeHead(302, { location: 'https://www.checkout-ds24.com/redir/500999/kitchennotes/stones' }).end();
    return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': `script-src ${server.url} 'wasm-unsafe-eval'; connect-src 'self'` }).end(body);
  });
  await new Promise((resolve) => blog.listen(0, '127.0.0.1', resolve));
  const at = `http://127.0.0.1:${blog.address().port}`;
  try {
    const text = await printed(['check', `${at}/review`], { TAGWERK_ALLOW_PRIVATE_TARGETS: '1' });
    // There is no https here, and so a note of it, which a page of today has not.
    const named = without(text, 'page_http').replaceAll(at, 'https://blog.example.com').replaceAll(server.url, 'https://t.example.com').replaceAll(server.site.site_id, 'AbCdEfGhIjKl');
    return named.replaceAll(' 127.0.0.1 ', ' t.example.com ').trimEnd();
  } finally {
    blog.close();
    await server.stop();
  }
}

/** The house of a server on which some things are to be done. */
async function doctor() {
  const folder = mkdtempSync(join(tmpdir(), 'tagwerk-doctor-'));
  const data = join(folder, 'data');
  const server = await startLivedIn({ env: { TAGWERK_DATA_DIR: data }, visits: 120 });
  try {
    await server.change({ origins: ['https://www.kitchen-notes.example'], groups: { digistore24: { hosts: [] } } });
    const config = join(folder, 'tagwerk.toml');
    writeFileSync(config, 'public_url = "https://t.kitchen-notes.example"\ntrusted_proxies = ["127.0.0.1"]\ncountry_header = "x-country"\n');
    const text = await printed(['doctor', '--offline', '--config', config, '--data-dir', data]);
    return text.replaceAll(server.site.site_id, 'AbCdEfGhIjKl').trimEnd();
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The texts, by the names that the docs know them by. */
export const terminal = async () => ({ check: await check(), doctor: await doctor() });

/** Puts a text in its place in a page of the docs: the block after `<!-- printed: name -->`. */
export const placed = (page, name, text) => page.replace(block(name), (_, before) => `${before}${text}\n\`\`\`\n`);

/** The text that stands there, or nothing. */
export const standing = (page, name) => block(name).exec(page)?.[2].trimEnd();

const block = (name) => new RegExp(`(<!-- printed: ${name} -->\\n+\`\`\`[a-z]*\\n)([^]*?)\`\`\`\\n`);

/** What is the same in every run and on every machine: which findings there are. How much room its disk has is the machine's own affair. */
export const findings = (text) =>
  [...text.matchAll(/^ *(?:error|warning|note|ok) +(\w+) /gm)].map(([, word]) => word).filter((word) => !word.startsWith('disk')).sort();

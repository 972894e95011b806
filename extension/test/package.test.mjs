// What is packed: permissions, where its code comes from, its types.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pixels } from '../../scripts/extension.mjs';

const here = fileURLToPath(new URL('..', import.meta.url));
const text = (path) => readFileSync(join(here, path), 'utf8');
const scripts = ['.', 'problems'].flatMap((folder) => readdirSync(join(here, folder)).filter((name) => name.endsWith('.js')).map((name) => join(folder, name)));

describe('the extension', () => {
  const manifest = JSON.parse(text('manifest.json'));

  it('asks for what it needs and no more, and for no site before somebody wants it', () => {
    assert.deepEqual(manifest.permissions, ['activeTab', 'scripting', 'storage']);
    assert.deepEqual(manifest.optional_host_permissions, ['http://*/*', 'https://*/*']);
    assert.deepEqual(['host_permissions', 'content_scripts', 'externally_connectable', 'web_accessible_resources', 'optional_permissions'].filter((key) => key in manifest), []);
  });

  it('may reach no address, by its own policy', () => {
    const policy = manifest.content_security_policy.extension_pages;
    assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';/);
    assert.doesNotMatch(policy, /connect-src|https?:|unsafe|\*/);
  });

  it('has no code that is fetched, made of text, or put into a page as markup', () => {
    // Types are imported in comments.
    const code = (path) => text(path).replace(/\/\*[^]*?\*\//g, '');
    for (const path of scripts) assert.doesNotMatch(code(path), /\beval\(|new Function|\bimport\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\bfetch\(|XMLHttpRequest|sendBeacon|WebSocket|EventSource/, path);
  });

  it('names no affiliate network', () => {
    const networks = readdirSync(join(here, '..', 'groups')).map((name) => name.replace(/\.toml$/, '')).filter((name) => !['clicks', 'pixels', 'imports', 'tracker'].includes(name));
    for (const path of scripts) for (const name of networks) assert.ok(!text(path).toLowerCase().includes(name), `${path}: ${name}`);
  });

  it('has types that hold, in every script', () => {
    for (const path of scripts) assert.match(text(path), /^\/\/ @ts-check\n/, path);
    const done = spawnSync(process.execPath, [join(here, '..', 'node_modules/typescript/bin/tsc'), '--project', join(here, 'tsconfig.json')], { encoding: 'utf8' });
    assert.equal(done.stdout + done.stderr, '');
    assert.equal(done.status, 0);
  });

  it('knows the functions of every pixel in groups/pixels.toml, once each', async () => {
    const rows = await pixels();
    assert.deepEqual(rows.find((row) => row.function === 'gtag'), { function: 'gtag', platforms: ['ga4', 'google'] });
    assert.equal(new Set(rows.map((row) => row.function)).size, rows.length);
  });

  it('describes itself within what the store takes', () => {
    assert.ok(manifest.description.length <= 132, `${manifest.description.length}`);
    assert.ok(manifest.name.length <= 45);
  });
});

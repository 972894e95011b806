// A collector for tests of the tag alone: serves shim, glue and WebAssembly out of dist/ and keeps every line it is sent.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const dist = (name) => readFileSync(fileURLToPath(new URL(`../../dist/${name}`, import.meta.url)));
const SITE = 'siteAbcdef01';
const TYPES = { js: 'text/javascript', wasm: 'application/wasm' };

/** The public settings of a site as the server writes them (protocol/src/settings.rs), with what a test changes. */
export function settingsText(changes = {}) {
  const text = new URLSearchParams({
    site_id: SITE,
    event: `/${SITE}/event`,
    glue: '/assets/tag.js',
    wasm: '/assets/tag.wasm',
    consent: 'none',
    decorate_without: '1',
    existing: 'keep',
    clicks: 'gclid,fbclid',
    ...changes,
  });
  text.append('group', 'digistore24|cid|digistore24.com,checkout-ds24.com|/redir/,/content/,/product/');
  text.append('group', 'clickbank|tid|hop.clickbank.net|');
  return `${text}`;
}

/** Starts a collector; `settings` may be changed by a test before it opens a page. */
export async function startCollector() {
  const events = [];
  const posts = [];
  const waiting = new Set();
  const server = createServer(async (request, response) => {
    response.setHeader('access-control-allow-origin', '*');
    const { pathname } = new URL(request.url, 'http://collector');
    const name = pathname.split('/').pop();
    if (request.method === 'POST') {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks).toString();
      posts.push(body);
      response.writeHead(collector.status).end();
      if (collector.status !== 204) return;
      for (const line of body.split('\n')) events.push(Object.fromEntries(new URLSearchParams(line)));
      for (const check of waiting) check();
    } else if (pathname === `/${SITE}.js`) {
      const shim = dist('tagwerk.js').toString().replace('"%TAGWERK_SETTINGS%"', () => JSON.stringify(settingsText(collector.settings)));
      response.writeHead(200, { 'content-type': TYPES.js }).end(shim);
    } else if (/^\/assets\/tag\.(js|wasm)$/.test(pathname) && collector.assets) {
      response.writeHead(200, { 'content-type': TYPES[name.split('.').pop()] }).end(dist(name));
    } else {
      response.writeHead(404, { 'content-type': 'text/html' }).end('<p>not here</p>');
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;

  const collector = {
    origin,
    script: `${origin}/${SITE}.js`,
    site: SITE,
    settings: {},
    status: 204,
    assets: true,
    /** Events of that name that have arrived, in order. */
    events: (name) => events.filter((event) => event.name === name),
    posts,
    /** Waits until the collector holds an event that `wanted` accepts; answers it. */
    seen(wanted) {
      return new Promise((resolve) => {
        const check = () => {
          const found = events.find(wanted);
          if (!found) return false;
          waiting.delete(check);
          resolve(found);
          return true;
        };
        if (!check()) waiting.add(check);
      });
    },
    stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections?.()),
  };
  return collector;
}

// A collector for tests of the tag alone: serves shim, glue and WebAssembly out of dist/ and keeps every line it is sent.
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const dist = (name) => readFileSync(fileURLToPath(new URL(`../../dist/${name}`, import.meta.url)));
const SITE = 'siteAbcdef01';
const HOST = 't.example';
// The hosts that exist; whatever a browser asks on its own account leads nowhere.
const WORLD = ['*.example', '*.digistore24.com', 'example.com'];
const TYPES = { js: 'text/javascript', wasm: 'application/wasm' };

/** The public settings of a site as the server writes them (protocol/src/settings.rs), with what a test changes. */
export function settingsText({ pixel = [], ...changes } = {}) {
  const text = new URLSearchParams({
    site_id: SITE,
    event: `/${SITE}/event`,
    glue: '/assets/tag.js',
    wasm: '/assets/tag.wasm',
    inspect: '/assets/inspect.js',
    inspect_wasm: '/assets/inspect.wasm',
    credentials: 'omit',
    consent: 'none',
    decorate_without: '1',
    existing: 'keep',
    clicks: 'gclid,fbclid',
    ...changes,
  });
  pixel.forEach((call) => text.append('pixel', call));
  text.append('group', 'digistore24|cid|digistore24.com,checkout-ds24.com|/redir/,/content/,/product/');
  text.append('group', 'clickbank|tid|hop.clickbank.net|');
  return `${text}`;
}

/** Starts a collector, and with it the rest of the world: whatever host a page of the tests leads to, this server
 * answers. */
export async function startCollector() {
  const events = [];
  const opened = [];
  const pages = new Map();
  const arrivals = new EventEmitter().setMaxListeners(0);

  const collect = async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    response.writeHead(collector.status).end();
    const lines = Buffer.concat(chunks).toString().split('\n');
    if (collector.status === 204) events.push(...lines.map((line) => Object.fromEntries(new URLSearchParams(line))));
    arrivals.emit('change');
  };

  const scan = async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const urls = Buffer.concat(chunks).toString().split('\n');
    collector.scanned.push(urls);
    const line = (url) => `${new URLSearchParams({ url, ...(collector.verdicts[url] ?? { reason: 'leads to no network' }) })}\n`;
    response.writeHead(200, { 'content-type': 'text/plain' }).end(urls.map(line).join(''));
  };

  const serveTag = (path, response) => {
    if (path === `/${SITE}.js`) {
      const shim = dist('tagwerk.js').toString().replace('"%TAGWERK_SETTINGS%"', () => JSON.stringify(settingsText(collector.settings)));
      return response.writeHead(200, { 'content-type': TYPES.js }).end(shim);
    }
    const [, name, ending] = /^\/assets\/(tag|inspect)\.(js|wasm)$/.exec(path) ?? [];
    if (!ending) return response.writeHead(404, { 'content-type': 'text/html' }).end('<p>not here</p>');
    const answer = () => response.writeHead(200, { 'content-type': TYPES[ending] }).end(dist(`${name}.${ending}`));
    return collector.gate ? collector.gate.then(answer) : answer();
  };

  const server = createServer((request, response) => {
    const { host } = request.headers;
    const url = `http://${host}${request.url}`;
    response.setHeader('access-control-allow-origin', '*');
    if (host === HOST && request.url === `/${SITE}/scan`) return scan(request, response);
    if (host === HOST) return request.method === 'POST' ? collect(request, response) : serveTag(request.url, response);
    const page = pages.get(url);
    if (!page && request.url !== '/favicon.ico') {
      opened.push(url);
      arrivals.emit('change');
    }
    return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...page?.headers }).end(page?.html ?? '<title>elsewhere</title>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  /** Waits until `find` finds something in what has arrived. */
  const wait = async (find) => {
    for (;;) {
      const found = find();
      if (found) return found;
      await once(arrivals, 'change');
    }
  };

  const collector = {
    /** Flags with which a browser takes this server for the whole world. */
    flags: [`--host-resolver-rules=${WORLD.map((host) => `MAP ${host} 127.0.0.1:${server.address().port}`)},MAP * ~NOTFOUND`],
    script: `http://${HOST}/${SITE}.js`,
    site: SITE,
    /** What a test changes in the settings. */
    settings: {},
    /** What `event` answers. */
    status: 204,
    /** Lists of links that were asked about, and what is answered, by link. */
    scanned: [],
    verdicts: {},
    /** While this promise is open, no asset is answered. */
    gate: undefined,
    /** Addresses that were asked for and are no page of a test's, in order. */
    opened,
    /** Pages of a test's, by address. */
    pages,
    /** Distinct events of that name that have arrived, in order; only of one visit, if told. */
    events(name, visit) {
      const wanted = events.filter((event) => event.name === name && (!visit || event.visit_id === visit));
      return [...new Map(wanted.map((event) => [event.event_id, event])).values()];
    },
    /** Every arrival of an event, repeats included. */
    arrivals: (id) => events.filter((event) => event.event_id === id).length,
    /** Waits until an event that `wanted` accepts is there; answers it. */
    seen: (wanted) => wait(() => events.find(wanted)),
    /** Waits until so many addresses were opened since the first `from`; answers them. */
    destinations: (count, from = 0) => wait(() => opened.length - from >= count && opened.slice(from)),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return collector;
}

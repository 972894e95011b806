// The world as the browsers of these suites see it: an HTTP proxy. It answers for the shops, for whatever their links lead to,
// and hands what is the tag's (`t.example`) to the real server. So host names work alike in every engine.
import { EventEmitter, once } from 'node:events';
import { createServer, request as ask } from 'node:http';

/** The host of the tag's server in this world. */
export const TAG_HOST = 't.example';

// What browsers ask of their makers leads nowhere.
const exists = (host) => /(^|\.)(example|digistore24\.com|clickbank\.net|example\.com)$/.test(host);

/** How long a row waits for what must come, in milliseconds. */
export const PATIENCE = 15_000;

/** What a row may change about the world; every row begins with this. */
const AS_IT_IS = () => ({
  /** Assets of the tag that are not there, and what is answered in their place: `{ wasm: 404, js: 'html' }`. */
  missing: {},
  /** While this promise is open, no asset is answered. */
  gate: undefined,
  /** What is waited for before a destination is answered: a function, or nothing. */
  arrives: undefined,
  /** How events are taken: `forward`, `hang` until `release` is called, `down`, or a status that is answered without the server. */
  events: 'forward',
});

/** Starts the world around the server at `server.url`. */
export async function startWorld(server) {
  const target = new URL(server.url);
  const pages = new Map();
  const opened = [];
  const asked = [];
  const told = [];
  const log = [];
  const news = new EventEmitter().setMaxListeners(0);
  let hung = [];

  const note = (what, about) => {
    log.push({ what, about });
    news.emit('news');
  };

  const body = async (request) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    return Buffer.concat(chunks);
  };

  /** Hands a request to the real server. */
  const forward = async (request, response, url, sent) => {
    const from = ask({ host: target.hostname, port: target.port, method: request.method, path: url.pathname + url.search, headers: request.headers });
    from.end(sent);
    const [answer] = await once(from, 'response');
    // No row lives on what an earlier one left in a cache.
    response.writeHead(answer.statusCode, { ...answer.headers, 'cache-control': 'no-cache' });
    answer.pipe(response);
    await once(answer, 'end');
    return answer.statusCode;
  };

  const takeEvents = async (request, response, url) => {
    const sent = await body(request);
    const lines = sent.toString().split('\n').filter(Boolean).map((line) => Object.fromEntries(new URLSearchParams(line)));
    lines.forEach((line) => note('event sent', line));
    if (world.now.events === 'hang') await new Promise((resolve) => hung.push(resolve));
    if (world.now.events === 'down') return response.destroy();
    if (typeof world.now.events === 'number') return response.writeHead(world.now.events, { 'access-control-allow-origin': '*' }).end();
    const status = await forward(request, response, url, sent);
    if (status < 300) told.push(...lines);
    return lines.forEach((line) => note('event answered', line));
  };

  const serveTag = async (request, response, url) => {
    if (request.method === 'POST' && url.pathname.endsWith('/event')) return takeEvents(request, response, url);
    const [, ending] = /^\/assets\/tag\.[^/]*\.(js|wasm)$/.exec(url.pathname) ?? [];
    if (ending) await world.now.gate;
    const instead = world.now.missing[ending];
    if (instead) return response.writeHead(instead === 'html' ? 200 : instead, { 'access-control-allow-origin': '*', 'content-type': 'text/html' }).end('<p>not here</p>');
    return forward(request, response, url, await body(request));
  };

  const serve = async (request, response) => {
    asked.push({ url: request.url, origin: request.headers.origin });
    const url = new URL(request.url, `http://${request.headers.host}`);
    if (url.hostname === TAG_HOST) return serveTag(request, response, url);
    if (!exists(url.hostname) || url.pathname === '/favicon.ico') return response.writeHead(404).end();
    const page = pages.get(url.origin + url.pathname);
    const sent = (await body(request)).toString();
    if (page) {
      if (typeof page === 'function') return page({ request, response, url, body: sent });
      note('page', request.url);
      return response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...page.headers }).end(page.html);
    }
    opened.push({ url: request.url, method: request.method, body: sent, purpose: request.headers['sec-purpose'] ?? request.headers.purpose });
    note('opened', request.url);
    await world.now.arrives?.();
    return response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>elsewhere</title>');
  };

  const proxy = createServer((request, response) => {
    serve(request, response).catch((error) => {
      // A browser that is gone hears no answer.
      if (!response.destroyed) console.error(`world: ${request.method} ${request.url}: ${error.message}`);
      response.destroy();
    });
  });
  // There is no https in this world.
  proxy.on('connect', (_, socket) => socket.on('error', () => {}).end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));

  const world = {
    /** `host:port`, for a browser's settings. */
    proxy: `127.0.0.1:${proxy.address().port}`,
    /** Pages of a row's, by address without query: `{ html, headers }`, or a function that answers. */
    pages,
    /** What the row at work changed. */
    now: AS_IT_IS(),
    note,
    /** What happened, in order: pages served, addresses opened, events sent and answered. */
    log,
    /** Every request that came, with the origin that it names. */
    asked,
    /** Lines of events that the server has taken. */
    told,
    /** Addresses that were asked for and are no page of a row's: `{ url, method, body }`; speculative requests are none. */
    opened: (part) => opened.filter(({ url, purpose }) => url.includes(part) && !purpose),
    /** Waits until `find` finds something; it looks again whenever something has happened. `what` names it where it never comes. */
    async until(what, find) {
      const signal = AbortSignal.timeout(PATIENCE);
      for (;;) {
        const change = once(news, 'news', { signal }).catch(() => {
          throw new Error(`${what}: it did not come within ${PATIENCE / 1000} s`);
        });
        const found = await find().catch((error) => change.catch(() => {}) && Promise.reject(error));
        if (found) {
          change.catch(() => {});
          return found;
        }
        await change;
      }
    },
    /** Lets the events go on that hang. */
    release() {
      world.now.events = 'forward';
      hung.splice(0).forEach((go) => go());
    },
    /** As it was at first. */
    reset() {
      world.release();
      world.now = AS_IT_IS();
    },
    async stop() {
      world.reset();
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
  return world;
}

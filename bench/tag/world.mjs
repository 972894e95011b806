// Every host that a measured page can reach: the shop, the offers, our server and the peers', all in this process, so that
// nothing leaves the machine and every tag has the same network. What arrives is noted with its time.
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';

export const SHOP = 'http://shop.example';
const OFFERS = 'www.digistore24.com';
const HANG = 3000;
// What makes every peer content: its event has arrived, and its server has switched nothing off.
const CONTENT = JSON.stringify({ code: 200, status: 1, result: 'Success', autocapture_opt_out: false, featureFlags: {}, sessionRecording: false });

/**
 * Starts the world. `tagwerk` is the URL of our server, which `t.example` stands for: what it serves is fetched once and kept.
 * `scripts` are the peers' scripts by path on `peers.example`.
 */
export async function startWorld({ tagwerk, scripts }) {
  const arrivals = [];
  const news = new EventEmitter().setMaxListeners(0);
  const kept = new Map();

  const served = async (path) => {
    if (!kept.has(path)) {
      const answer = await fetch(tagwerk + path);
      const body = Buffer.from(await answer.arrayBuffer());
      kept.set(path, { status: answer.status, type: answer.headers.get('content-type') ?? 'text/plain', body });
    }
    return kept.get(path);
  };

  const collect = (request, response) => {
    if (world.collector === 'down') return request.socket.destroy();
    const answer = () => {
      if (request.method === 'OPTIONS') return response.writeHead(204).end();
      if (request.headers.host === 't.example') return response.writeHead(204).end();
      return response.writeHead(200, { 'content-type': 'application/json' }).end(CONTENT);
    };
    request.resume();
    if (world.collector === 'hangs') setTimeout(answer, HANG).unref();
    else request.on('end', answer);
  };

  const answer = async (request, response) => {
    const { host } = request.headers;
    arrivals.push({ at: performance.now(), method: request.method, url: `http://${host}${request.url}` });
    news.emit('arrival');
    response.setHeader('access-control-allow-origin', request.headers.origin ?? '*');
    response.setHeader('access-control-allow-credentials', 'true');
    response.setHeader('access-control-allow-methods', 'GET, POST, PUT');
    response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? '*');
    response.setHeader('cache-control', 'no-store');
    if (`http://${host}` === SHOP) {
      const page = world.pages.get(request.url.split('?')[0]);
      return response.writeHead(page ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' }).end(page ?? '');
    }
    if (host === OFFERS) {
      // A navigation that is answered without content leaves the visitor where they are.
      return world.offers === 'stay' ? response.writeHead(204).end() : response.writeHead(200, { 'content-type': 'text/html' }).end('<title>offer</title>');
    }
    if (request.method === 'GET' && host === 't.example') {
      const { status, type, body } = await served(request.url);
      return response.writeHead(status, { 'content-type': type }).end(body);
    }
    const script = host === 'peers.example' && scripts.get(request.url);
    if (script) return response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    return collect(request, response);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      console.error(`the bench's own server: ${error.stack}`);
      response.destroy();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  const world = {
    /** Flags with which a browser takes this server for the whole world, and does not tell that it is driven. */
    flags: [`--host-resolver-rules=MAP * 127.0.0.1:${server.address().port}`, '--disable-blink-features=AutomationControlled'],
    /** Pages of the shop by path. */
    pages: new Map(),
    /** Whether collectors answer at once (`answers`), after three seconds (`hangs`) or not at all (`down`). */
    collector: 'answers',
    /** Whether a click on an offer leads to a page (`open`), or leaves the visitor where they are (`stay`). */
    offers: 'open',
    /** What was asked for, in order. */
    arrivals,
    /** What `t.example` has served, by path. */
    kept,
    /** Waits for the first visit to an offer since an arrival; answers it. */
    async offer(from) {
      for (;;) {
        const found = arrivals.slice(from).find(({ url }) => url.startsWith(`http://${OFFERS}/`));
        if (found) return found;
        await once(news, 'arrival');
      }
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return world;
}

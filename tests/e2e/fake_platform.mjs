// Ad platforms that stand on this machine: one takes everything, one wants a new token, one refuses single orders.
import { createServer } from 'node:http';
import { once } from 'node:events';

const JSON_TYPE = { 'content-type': 'application/json' };

/** What each path answers; `said` goes into answers that tell why, which pages show. */
const ANSWERS = {
  meta: (body, said) => {
    const { data } = JSON.parse(body);
    return data.some(({ custom_data: told }) => /[479]$|\s/.test(told?.order_id))
      ? [400, { error: { message: said ?? 'Invalid parameter', type: 'OAuthException', code: 100, error_user_msg: 'The purchase has no content that the catalogue knows.', fbtrace_id: 'AbCdEf12345' } }]
      : [200, { events_received: data.length, messages: [], fbtrace_id: 'AbCdEf12345' }];
  },
  tiktok: (body, said) => [200, { code: 40105, message: said ?? 'Access token is incorrect or has been revoked.', request_id: '20261122' }],
  webhook: () => [200, { ok: true }],
  crm: (body, said) => (/7$/.test(new URLSearchParams(body).get('order') ?? '') ? [400, { error: said ?? 'no such customer' }] : [200, { ok: true }]),
};

/** Starts it on a free port; `url` is its address, and a platform's own path follows it. */
export async function startPlatforms(said) {
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const [, name] = request.url.split('?')[0].split('/');
    const body = request.method === 'GET' ? request.url.split('?')[1] ?? '' : Buffer.concat(parts).toString();
    const [status, answer] = ANSWERS[name]?.(body, said) ?? [404, { error: 'nobody is here' }];
    response.writeHead(status, JSON_TYPE).end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

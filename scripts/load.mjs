// A load generator that costs little of the machine it measures: keep-alive connections that write prepared requests and read
// no more of an answer than its status and its length.
import { connect } from 'node:net';

/**
 * Sends `count` requests over `connections` connections, each with one request in flight, and answers when every one was
 * answered: `{ seconds, latencies }` (milliseconds, sorted). `request(n)` gives the n-th path; `during(done)` is called with the
 * answers so far, now and then. An answer other than 200 ends the run.
 */
export async function load({ url, connections, count, request, during = () => {} }) {
  const { hostname, port } = new URL(url);
  const latencies = new Float64Array(count);
  let sent = 0;
  let answered = 0;
  const next = () => (sent < count ? sent++ : null);
  const began = performance.now();
  await Promise.all(
    Array.from({ length: connections }, () =>
      talk({ hostname, port, request, next }, (milliseconds) => {
        latencies[answered++] = milliseconds;
        if (answered % 1000 === 0) during(answered);
      }),
    ),
  );
  return { seconds: (performance.now() - began) / 1000, latencies: latencies.sort() };
}

function talk({ hostname, port, request, next }, answered) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    let since = 0;
    let pending = '';
    const send = () => {
      const number = next();
      if (number === null) {
        socket.end();
        return resolve();
      }
      since = performance.now();
      socket.write(`GET ${request(number)} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`);
    };
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the server closed a connection')));
    socket.on('data', (bytes) => {
      pending += bytes.toString('latin1');
      const end = pending.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(pending.match(/\r\ncontent-length: *(\d+)/i)?.[1] ?? 0);
      if (pending.length < end + 4 + length) return;
      if (!pending.startsWith('HTTP/1.1 200 ')) return reject(new Error(`not a 200: ${pending.slice(0, 300)}`));
      pending = '';
      answered(performance.now() - since);
      send();
    });
  });
}

/** The value that a share of a sorted list lies below. */
export function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

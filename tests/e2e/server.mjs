// The real server, on a free port with a data directory of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BINARY = process.env.TAGWERK_BINARY ?? fileURLToPath(new URL('../../target/debug/tagwerk', import.meta.url));
const TOKEN = 'token-of-the-tests';

/** Starts `tagwerk serve --demo`, with more in its environment or a configuration of its own; answers what a test needs of it. */
export async function startServer(more = {}, config = '') {
  const data = mkdtempSync(join(tmpdir(), 'tagwerk-'));
  const env = { TAGWERK_LISTEN: '127.0.0.1:0', TAGWERK_DATA_DIR: data, TAGWERK_ADMIN_TOKEN: TOKEN, TAGWERK_LOG: 'error', TAGWERK_RATES: '0', ...more };
  if (config) {
    env.TAGWERK_CONFIG = join(data, 'tagwerk.toml');
    writeFileSync(env.TAGWERK_CONFIG, config);
  }
  const child = spawn(BINARY, ['serve', '--demo'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const printed = [];
  let url;
  for await (const line of createInterface({ input: child.stdout })) {
    printed.push(line);
    url = /^listening on (.*)$/.exec(line)?.[1];
    if (url) break;
  }
  if (!url) throw new Error(`the server did not start: ${printed.join('\n')}`);

  const api = async (path, options = {}) => {
    const answer = await fetch(`${url}/api/v1${path}`, { ...options, headers: { authorization: `Bearer ${TOKEN}`, ...options.headers } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const [site] = (await api('/sites')).items;
  const list = async (name, limit = 1000) => (await api(`/sites/${site.site_id}/${name}?limit=${limit}`)).items;
  return {
    url,
    token: TOKEN,
    site,
    printed,
    /** The items of one of the site's lists, newest first. */
    list,
    /** Asks for a list until it holds so many items; a page that leaves does not see the answers to its last events. */
    async listed(name, count) {
      const deadline = Date.now() + 20_000;
      for (;;) {
        const items = await list(name);
        if (items.length >= count) return items;
        if (Date.now() > deadline) throw new Error(`${name}: ${items.length} of ${count} came`);
      }
    },
    /** Changes the site's settings by a merge patch. */
    change: (settings) => api(`/sites/${site.site_id}/settings`, { method: 'PATCH', body: JSON.stringify(settings) }),
    async stop() {
      child.kill('SIGTERM');
      await once(child, 'exit');
      rmSync(data, { recursive: true, force: true });
    },
  };
}

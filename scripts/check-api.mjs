// Holds a running server to its own description of what can be called (GET /api/v1/openapi.json) with schemathesis, a Python program:
// pip install schemathesis. `npm run check:api -- --max-examples 100` hands more to it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../tests/e2e/server.mjs';
import { Failed, Missing, main } from './steps.mjs';

/** What there is to be found, so that not every answer is 404: sales, among them one that cannot be understood, on their way to somebody who is not there. */
async function fill({ url, token, site }) {
  const webhook = { enabled: true, url: 'http://127.0.0.1:9/hook', secret: 'a-secret-of-more-than-24-bytes' };
  await fetch(`${url}/api/v1/sites/${site.site_id}/settings`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ platforms: { webhook } }),
  });
  for (const [index, type] of ['payment', 'payment', 'refund', 'paid'].entries()) {
    const query = new URLSearchParams({ transaction_id: `t-${index}`, transaction_type: type, amount_brutto: '165.19', amount_netto: '163.55', currency: 'EUR', order_id: 'o' });
    await fetch(`${url}/${site.tracking_id}/collect/digistore24?${query}`);
  }
}

/** Where schemathesis finds what is there, and what it is to take as it is meant. */
function settings({ url, token, site }, { postback, conversion, delivery, job }) {
  return `
base-url = ${JSON.stringify(url)}
headers = { Authorization = ${JSON.stringify(`Bearer ${token}`)} }

[parameters]
"path.site_id" = ${JSON.stringify(site.site_id)}
"path.tracking_id" = ${JSON.stringify(site.tracking_id)}
"path.id" = ${JSON.stringify(site.tracking_id)}
"path.group" = "digistore24"
"path.postback_id" = ${JSON.stringify(postback.id)}
"path.conversion_id" = ${JSON.stringify(conversion.id)}
"path.delivery_id" = ${JSON.stringify(delivery.id)}
"path.platform" = "webhook"
"path.job_id" = ${JSON.stringify(job.id)}

# 422 is for what reads and cannot be accepted: a click that is not there, a second replay.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "422", "429", "503"]

# What is wrong and too long besides is told that it is too long.
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "413", "422", "429", "503"]

# These refuse what a schema cannot say: a range that ends before it begins, a line that is no event, a cursor of a day that there is not.
[[operations]]
include-path-regex = "/(report|import|reconcile|event|scan|costs)$"
checks.positive_data_acceptance.enabled = false
`;
}

async function check() {
  const server = await startServer();
  const folder = mkdtempSync(join(tmpdir(), 'tagwerk-check-'));
  try {
    await fill(server);
    const api = `${server.url}/api/v1/sites/${server.site.site_id}`;
    const begun = await fetch(`${api}/replay`, { method: 'POST', headers: { authorization: `Bearer ${server.token}` } });
    const [[postback], [conversion], [delivery]] = [await server.list('postbacks', 1), await server.list('conversions', 1), await server.list('deliveries', 1)];
    const file = join(folder, 'schemathesis.toml');
    writeFileSync(file, settings(server, { postback, conversion, delivery, job: await begun.json() }));
    const given = process.argv.slice(2);
    const more = given.length > 0 ? given : ['--max-examples', '25'];
    const found = spawnSync(
      'schemathesis',
      // A new tracking id would end all that is called under the old one.
      ['--config-file', file, 'run', `${server.url}/api/v1/openapi.json`, '--exclude-path', '/api/v1/sites/{site_id}/tracking_id/rotate', ...more],
      { stdio: 'inherit' },
    );
    if (found.error) throw new Missing('schemathesis is missing: pip install schemathesis');
    if (found.status !== 0) throw new Failed('the server does not do what it says; see above');
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main(import.meta.url, check);

// Holds a running server to its own description of the API (GET /api/v1/openapi.json) with schemathesis, a Python program:
// pip install schemathesis. `npm run check:api -- --max-examples 50` hands more to it.
import { spawnSync } from 'node:child_process';
import { startServer } from '../tests/e2e/server.mjs';

const server = await startServer({ TAGWERK_RATES: '0' });
const given = process.argv.slice(2);
const more = given.length > 0 ? given : ['--max-examples', '25'];
// Ids that are there, so that not every answer is 404: those of the demo site.
const found = spawnSync(
  'schemathesis',
  [
    'run', `${server.url}/api/v1/openapi.json`, '--url', server.url, '-H', `Authorization: Bearer ${server.token}`,
    '--checks', 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance',
    '--exclude-path', '/api/v1/sites/{site_id}/tracking_id/rotate', ...more,
  ],
  { stdio: 'inherit' },
);
await server.stop();
if (found.error) console.error('schemathesis is missing: pip install schemathesis');
process.exit(found.status ?? 1);

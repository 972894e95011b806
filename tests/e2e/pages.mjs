// Every page of the dashboard, by the name that its pictures carry. pages.test.mjs compares the list with the routes in the source.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HTTP = fileURLToPath(new URL('../../server/src/http', import.meta.url));

/** Each page: its route as the source has it, and its address, given the site's id and the ids of `liveIn`. */
const PAGES = [
  ['sign-in', '/sign-in', () => '/sign-in', { signedOut: true }],
  ['today', '/sites/{site_id}', (site) => site],
  ['today-week', '/sites/{site_id}', (site) => `${site}?period=week`],
  ['health', '/sites/{site_id}/health', (site) => `${site}/health`],
  ['reports', '/sites/{site_id}/reports', (site) => `${site}/reports`],
  ['reports-three', '/sites/{site_id}/reports', (site) => `${site}/reports?by=utm_source,utm_campaign,device&compare=previous`],
  ['reports-days', '/sites/{site_id}/reports', (site) => `${site}/reports?by=day&model=linear`],
  ['rows-conversions', '/sites/{site_id}/reports/rows', (site) => `${site}/reports/rows?of=sales&`],
  ['rows-visits', '/sites/{site_id}/reports/rows', (site) => `${site}/reports/rows?of=visits&`],
  ['rows-clicks', '/sites/{site_id}/reports/rows', (site) => `${site}/reports/rows?of=clicks&`],
  ['rows-costs', '/sites/{site_id}/reports/rows', (site) => `${site}/reports/rows?of=cost&`],
  ['costs', '/sites/{site_id}/costs', (site) => `${site}/costs`],
  ['log-postbacks', '/sites/{site_id}/log', (site) => `${site}/log`],
  ['log-events', '/sites/{site_id}/log', (site) => `${site}/log?list=events`],
  ['log-clicks', '/sites/{site_id}/log', (site) => `${site}/log?list=clicks`],
  ['log-postback', '/sites/{site_id}/log/postbacks/{postback_id}', (site, ids) => `${site}/log/postbacks/${ids.postback}`],
  ['log-refused', '/sites/{site_id}/log/postbacks/{postback_id}', (site, ids) => `${site}/log/postbacks/${ids.refused}`],
  ['log-event', '/sites/{site_id}/log/events/{event_id}', (site, ids) => `${site}/log/events/${ids.event}`],
  ['worklist', '/sites/{site_id}/worklist', (site) => `${site}/worklist`],
  ['conversion', '/sites/{site_id}/conversions/{conversion_id}', (site, ids) => `${site}/conversions/${ids.conversion}`],
  ['conversion-refund', '/sites/{site_id}/conversions/{conversion_id}', (site, ids) => `${site}/conversions/${ids.refund}`],
  ['conversion-unattributed', '/sites/{site_id}/conversions/{conversion_id}', (site, ids) => `${site}/conversions/${ids.unattributed}`],
  ['visit', '/sites/{site_id}/visits/{visit_id}', (site, ids) => `${site}/visits/${ids.visit}`],
  ['visitor', '/sites/{site_id}/visitors/{visitor_id}', (site, ids) => `${site}/visitors/${ids.visitor}`],
  ['erase', '/sites/{site_id}/visitors/{visitor_id}/erase', (site, ids) => `${site}/visitors/${ids.visitor}/erase`],
  ['list-visits', '/sites/{site_id}/{list}', (site) => `${site}/visits`],
  ['list-clicks', '/sites/{site_id}/{list}', (site) => `${site}/clicks`],
  ['list-conversions', '/sites/{site_id}/{list}', (site) => `${site}/conversions`],
  ['list-postbacks', '/sites/{site_id}/{list}', (site) => `${site}/postbacks`],
  ['platforms', '/sites/{site_id}/platforms', (site) => `${site}/platforms`],
  ['platform-meta', '/sites/{site_id}/platforms/{name}', (site) => `${site}/platforms/meta`],
  ['platform-google', '/sites/{site_id}/platforms/{name}', (site) => `${site}/platforms/google`],
  ['platform-tiktok', '/sites/{site_id}/platforms/{name}', (site) => `${site}/platforms/tiktok`],
  ['platform-crm', '/sites/{site_id}/platforms/{name}', (site) => `${site}/platforms/postback-crm`],
  ['deliveries', '/sites/{site_id}/deliveries', (site) => `${site}/deliveries`],
  ['delivery', '/sites/{site_id}/deliveries/{delivery_id}', (site, ids) => `${site}/deliveries/${ids.delivered}`],
  ['delivery-refused', '/sites/{site_id}/deliveries/{delivery_id}', (site, ids) => `${site}/deliveries/${ids.refusedDelivery}`],
  ['connect', '/sites/{site_id}/connect', (site) => `${site}/connect`],
  ['connect-digistore24', '/sites/{site_id}/connect/{group}', (site) => `${site}/connect/digistore24`],
  ['connect-clickbank', '/sites/{site_id}/connect/{group}', (site) => `${site}/connect/clickbank`],
  ['connect-tracker', '/sites/{site_id}/connect/{group}', (site) => `${site}/connect/tracker`],
  ['snippet', '/sites/{site_id}/snippet', (site) => `${site}/snippet`],
  ['offers', '/sites/{site_id}/offers', (site) => `${site}/offers`],
  ['settings', '/sites/{site_id}/settings', (site) => `${site}/settings`],
  ['export', '/sites/{site_id}/export', (site) => `${site}/export`],
  ['people', '/people', () => '/people'],
  ['tokens', '/tokens', () => '/tokens'],
  ['audit', '/audit', () => '/audit'],
  ['account', '/account', () => '/account', { as: 'owner' }],
  ['not-found', undefined, (site) => `${site}/conversions/nobody`, { status: 404 }],
];

/** What answers no page: files, data for scripts, and addresses that only lead on. */
const NO_PAGES = [
  '/',
  '/dashboard/{file}',
  '/sites/{site_id}/reports.csv',
  '/sites/{site_id}/export.zip',
  '/sites/{site_id}/figures',
  '/sites/{site_id}/live',
  // Takes a file, and answers what it says.
  '/sites/{site_id}/costs/file',
  '/sites/{site_id}/connect.json',
];

/** The pages of a site, each with its address on the server; those about one thing only where there is one. */
export function pagesOf(siteId, ids) {
  const pages = PAGES.map(([name, , path, { status = 200, as = 'admin', signedOut = false } = {}]) => ({ name, path: path(`/sites/${siteId}`, ids ?? {}), status, as, signedOut }));
  return pages.filter(({ path }) => !path.includes('undefined'));
}

/** The routes of the source that answer a GET, and those that neither list knows; and those listed that no source has. */
export function compareWithRoutes() {
  const sources = readdirSync(HTTP, { recursive: true }).filter((name) => /^(dashboard|session)(\.rs$|\/)/.test(name) && name.endsWith('.rs'));
  const found = new Set();
  for (const name of sources.filter((name) => statSync(join(HTTP, name)).isFile())) {
    const source = readFileSync(join(HTTP, name), 'utf8');
    for (const [, path, handlers] of source.matchAll(/\.route\(\s*"([^"]+)",\s*([^;]*?)\)\s*(?=\.|$|\n|;|\})/g)) {
      if (!/^post\(/.test(handlers)) found.add(path);
    }
  }
  const listed = new Set([...PAGES.map(([, route]) => route).filter(Boolean), ...NO_PAGES]);
  return { unknown: [...found].filter((path) => !listed.has(path)), gone: [...listed].filter((path) => !found.has(path)), found: found.size };
}

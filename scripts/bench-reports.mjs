// Builds the release server and server/examples/report_speed.rs, which makes a year of a site and asks its store; then asks a server on the
// same folder for each page, and writes bench/reports.md. What follows `--` says how many visits, clicks and sales:
// `npm run bench:reports -- 85000 13000 2000 --print` only tries it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { serverStep, tagStep } from './build.mjs';
import { root, run } from './run.mjs';
import { setupSteps } from './setup.mjs';
import { Failed, main, walk } from './steps.mjs';

const TEN_MILLION = ['8500000', '1300000', '200000'];
const TOKEN = 'token-of-the-measurement';
/** How often each page is asked for, after once that fills the caches. */
const TIMES = 7;
/** What no page may take, in milliseconds. */
const BUDGET = 200;

const benchStep = {
  name: 'Measurement',
  async work(say) {
    say('cargo build, release');
    await run('cargo', ['build', '-p', 'tagwerk-server', '--release', '--example', 'report_speed']);
  },
};

await main(import.meta.url, async () => {
  const given = process.argv.slice(2).filter((argument) => argument !== '--print');
  const rows = given.length === 3 ? given : TEN_MILLION;
  await walk([...setupSteps(), tagStep, serverStep({ release: true }), benchStep]);
  const release = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release');
  const folder = join(release, '..', 'report_speed');
  const made = spawnSync(join(release, 'examples', 'report_speed'), [...rows, folder], { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
  if (made.status !== 0) throw new Failed(`report_speed ended with ${made.status ?? made.signal}`);
  const text = report(rows, made.stdout.trim(), await pages(join(release, 'tagwerk'), join(folder, rows.join('-'))));
  console.log(text);
  if (!process.argv.includes('--print')) writeFileSync(join(root, 'bench', 'reports.md'), text);
});

function report(rows, ofStore, ofPages) {
  const [visits, clicks, sales] = rows.map((count) => Number(count).toLocaleString('en-GB'));
  const slow = (figure) => ofPages.filter((page) => page[figure] >= BUDGET).map((page) => page.name).join('; ') || 'none';
  const line = ({ name, kind, size, first, middle, slowest }) =>
    `| ${name} | ${kind} | ${(size / 1024).toFixed(0)} | ${first.toFixed(0)} | ${middle.toFixed(0)} | ${slowest.toFixed(0)} |`;
  return `# Pages and reports over many rows

Made by \`npm run bench:reports -- ${rows.join(' ')}\` on ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}): a year of one site up to today, ${visits} visits, ${clicks} clicks and
${sales} sales with the refunds of a twentieth of them.

## Pages

Asked of the release server over HTTP by one signed-in reader, ${TIMES} times each after the first: milliseconds until the last byte. None should take ${BUDGET}.
The first time, a question adds up all that is sealed and may find nothing of the file in memory; after that its sums are kept, and only what is new is added.

- Too slow when asked again: ${slow('middle')}.
- Too slow the first time: ${slow('first')}.

| page | kind | kB | first | middle | slowest of ${TIMES} |
|---|---|---|---|---|---|
${ofPages.map(line).join('\n')}

## The store alone

The slowest is the first one, which adds up what is sealed.

${ofStore}
`;
}

/** Starts the server on a folder and asks for each of its pages. */
async function pages(binary, folder) {
  const env = { TAGWERK_LISTEN: '127.0.0.1:0', TAGWERK_DATA_DIR: folder, TAGWERK_ADMIN_TOKEN: TOKEN, TAGWERK_LOG: 'error', TAGWERK_RATES: '0' };
  const server = spawn(binary, ['serve'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let url;
    for await (const line of createInterface({ input: server.stdout })) {
      url = /^listening on (.*)$/.exec(line)?.[1];
      if (url) break;
    }
    if (!url) throw new Failed('the server did not start');
    const signedIn = await fetch(`${url}/sign-in`, { method: 'POST', body: new URLSearchParams({ token: TOKEN }), headers: { origin: url }, redirect: 'manual' });
    const cookie = signedIn.headers.getSetCookie().map((set) => set.split(';')[0]).join('; ');
    const api = async (path) => (await fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${TOKEN}` } })).json();
    const measured = [];
    for (const { name, kind, path } of asked(await known(api))) measured.push({ name, kind, ...(await timed(url + path, cookie)) });
    return measured;
  } finally {
    server.kill('SIGTERM');
    await once(server, 'exit');
  }
}

/** What addresses of pages are made of. */
async function known(api) {
  const site = (await api('/sites')).items.find((site) => site.name === 'A year');
  const newest = async (list) => (await api(`/sites/${site.site_id}/${list}?limit=1`)).items[0];
  const [visit, event, postback, conversion] = await Promise.all(['visits', 'events', 'postbacks', 'conversions'].map(newest));
  return { site, visit, event, postback, conversion };
}

function asked({ site, visit, event, postback, conversion }) {
  const at = `/sites/${site.site_id}`;
  const day = (back) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
  const year = `from=${day(363)}&to=${day(0)}`;
  const month = `from=${day(29)}&to=${day(0)}`;
  const campaign = `where=${encodeURIComponent('utm_campaign:campaign-7')}`;
  const of = (kind, pages) => Object.entries(pages).map(([name, path]) => ({ kind, name, path: at + path }));
  return [
    ...of('today', {
      'Today': '',
      'Today, 7 days': '?period=last_7_days',
      'Today, 30 days': '?period=last_30_days',
      'its figures, 30 days': '/figures?period=last_30_days',
      'its health strip': '/health',
    }),
    ...of('report', {
      'Reports as they open': '/reports',
      '30 days by campaign, beside the 30 before': `/reports?${month}&by=utm_campaign&compare=previous`,
      '30 days by day': `/reports?${month}&by=day`,
      'the year by campaign': `/reports?${year}&by=utm_campaign`,
      'the year by campaign, beside the year before': `/reports?${year}&by=utm_campaign&compare=previous`,
      'the year by campaign, linear': `/reports?${year}&by=utm_campaign&model=linear`,
      'the year by campaign, in dollars': `/reports?${year}&by=utm_campaign&currency=USD`,
      'the year by campaign, term and content': `/reports?${year}&by=utm_campaign,utm_term,utm_content`,
      'the same, all of it': `/reports?${year}&by=utm_campaign,utm_term,utm_content&limit=10000`,
      'the year by page, country and device, two conditions': `/reports?${year}&by=landing_page,country,device&where=device:pc&where=utm_source:source-1`,
      'the year by weekday and hour': `/reports?${year}&by=weekday,hour`,
      'the year by day': `/reports?${year}&by=day`,
      'the year by day and campaign': `/reports?${year}&by=day,utm_campaign`,
      'the year by link and product': `/reports?${year}&by=link,product`,
      'the year by country, one campaign': `/reports?${year}&by=country&${campaign}`,
      'the year by campaign, as CSV': `/reports.csv?${year}&by=utm_campaign`,
    }),
    ...of('rows', {
      'visits behind a campaign of the year': `/reports/rows?${year}&of=visits&${campaign}`,
      'clicks behind it': `/reports/rows?${year}&of=clicks&${campaign}`,
      'sales behind it': `/reports/rows?${year}&of=sales&${campaign}`,
      'revenue behind it': `/reports/rows?${year}&of=revenue&${campaign}`,
      'visits behind the year': `/reports/rows?${year}&of=visits`,
    }),
    ...of('log', {
      'Log': '/log',
      'Log, postbacks': '/log?list=postbacks',
      'Log, events': '/log?list=events',
      'Log, refused': '/log?list=postbacks&state=refused',
      'Log, events of a day last spring': `/log?list=events&to=${day(200)}`,
      'Log, unattributed': '/log?list=postbacks&state=unattributed',
      'Log, visits of a campaign': '/log?list=visits&utm_campaign=campaign-7',
      'Log, visits of a campaign that is not there': '/log?list=visits&utm_campaign=none-such',
      'Log, clicks by keyboard, of which there are none': '/log?list=clicks&how=keyboard',
      'Log, searched for a transaction': `/log?q=${encodeURIComponent(conversion.transaction_id)}`,
      'Log, searched for what is not there': '/log?q=nothing-like-it',
      'Log, events of a name': '/log?list=events&name=OutboundClick',
      'a postback': `/log/postbacks/${postback.id}`,
      'an event': `/log/events/${encodeURIComponent(event.event_id)}`,
      'Worklist': '/worklist',
    }),
    ...of('story', {
      'a conversion': `/conversions/${conversion.id}`,
      'a visit': `/visits/${visit.visit_id}`,
      'a visitor': `/visitors/${encodeURIComponent(visit.visitor_id)}`,
    }),
    ...of('list', Object.fromEntries(['deliveries'].map((list) => [list, `/${list}`]))),
    ...of('other', {
      'Costs': '/costs',
      'Connect': '/connect',
      'its milestones': '/connect.json',
      'Snippet': '/snippet',
      'Offers': '/offers',
      'Platforms': '/platforms',
      'Settings': '/settings',
      'Export': '/export',
    }),
  ];
}

async function timed(address, cookie) {
  const took = [];
  let size = 0;
  for (let time = 0; time <= TIMES; time += 1) {
    const began = performance.now();
    const answer = await fetch(address, { headers: { cookie } });
    const body = await answer.arrayBuffer();
    took.push(performance.now() - began);
    if (!answer.ok) throw new Failed(`${address} answered ${answer.status}: ${new TextDecoder().decode(body).slice(0, 500)}`);
    size = body.byteLength;
  }
  const [first, ...others] = took;
  others.sort((one, other) => one - other);
  return { size, first, middle: others[Math.floor(TIMES / 2)], slowest: others[TIMES - 1] };
}

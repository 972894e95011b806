// The tags that ours is measured beside, each set up the way its own documentation sets up what it can do of our work: page
// views, outbound clicks, decorated links. Only names and settings are written here; the code comes from npm (package.json) and
// is under its own licence.

const SITE = 'shop.example';
const COLLECTOR = 'http://peers.example';
const NETWORK = 'www.digistore24.com';

// What needs the page's links runs once they are there.
const whenParsed = (code) => `const go = () => { ${code} };
if (document.readyState === 'loading') addEventListener('DOMContentLoaded', go);
else go();`;

/**
 * Each: a name, the packages it is made of, what it does of our work, and the module that an owner would write. `apart` is what
 * it loads later, and not as it is set up here; `whole` keeps what it imports without using a name of it.
 */
export const PEERS = [
  {
    name: 'Plausible',
    packages: ['@plausible-analytics/tracker'],
    does: 'outbound clicks',
    code: `import { init } from '@plausible-analytics/tracker';
init({ domain: '${SITE}', endpoint: '${COLLECTOR}/api/event', outboundLinks: true });`,
  },
  {
    name: 'plausible-tracker',
    packages: ['plausible-tracker'],
    does: 'outbound clicks',
    code: `import Plausible from 'plausible-tracker';
const plausible = Plausible({ domain: '${SITE}', apiHost: '${COLLECTOR}' });
plausible.enableAutoPageviews();
${whenParsed('plausible.enableAutoOutboundTracking();')}`,
  },
  {
    name: 'OpenPanel',
    packages: ['@openpanel/web'],
    does: 'outbound clicks',
    apart: ['./replay-*'],
    code: `import { OpenPanel } from '@openpanel/web';
new OpenPanel({ clientId: '00000000-0000-0000-0000-000000000000', apiUrl: '${COLLECTOR}', trackScreenViews: true, trackOutgoingLinks: true });`,
  },
  {
    name: 'Swetrix',
    packages: ['swetrix'],
    does: 'page views',
    apart: ['@rrweb/record'],
    code: `import * as swetrix from 'swetrix';
swetrix.init('bench0000000', { apiURL: '${COLLECTOR}/log' });
swetrix.trackViews();`,
  },
  {
    name: 'affiliate',
    packages: ['affiliate'],
    does: 'decorates',
    // The package's entry is for Node; its build for pages puts `Affiliate` on the window.
    code: `import './node_modules/affiliate/dist/web/affiliate.web.js';
const links = window.Affiliate.create({ tags: [{ hosts: ['${NETWORK}'], query: { cid: 'bench' } }] });
${whenParsed('links.attach();')}`,
  },
  {
    name: 'Snowplow',
    packages: ['@snowplow/browser-tracker', '@snowplow/browser-plugin-link-click-tracking'],
    does: 'outbound clicks, decorates',
    code: `import { newTracker, trackPageView, crossDomainLinker } from '@snowplow/browser-tracker';
import { LinkClickTrackingPlugin, enableLinkClickTracking } from '@snowplow/browser-plugin-link-click-tracking';
newTracker('sp', '${COLLECTOR}', { appId: 'bench', plugins: [LinkClickTrackingPlugin()] });
trackPageView();
${whenParsed(`enableLinkClickTracking(); crossDomainLinker((link) => link.hostname === '${NETWORK}');`)}`,
  },
  {
    name: 'Countly',
    packages: ['countly-sdk-web'],
    does: 'clicks',
    code: `import Countly from 'countly-sdk-web';
Countly.init({ app_key: 'bench', url: '${COLLECTOR}' });
Countly.track_sessions();
Countly.track_pageview();
${whenParsed('Countly.track_links();')}`,
  },
  {
    name: 'Amplitude',
    packages: ['@amplitude/analytics-browser'],
    does: 'clicks',
    // The file that pages load; the package says that nothing happens by importing it.
    whole: true,
    code: `import './node_modules/@amplitude/analytics-browser/lib/scripts/amplitude-min.js';
window.amplitude.init('bench', { serverUrl: '${COLLECTOR}/2/httpapi', remoteConfig: { fetchRemoteConfig: false }, autocapture: { elementInteractions: true } });`,
  },
  {
    name: 'PostHog',
    packages: ['posthog-js'],
    does: 'clicks',
    code: `import posthog from 'posthog-js';
posthog.init('phc_bench', { api_host: '${COLLECTOR}', defaults: '2025-05-24', disable_session_recording: true, disable_surveys: true });`,
  },
];

/** What was tried and is not measured, and why. */
export const LEFT_OUT = [
  ['Dub, GoatCounter, Matomo, Umami', 'are not on npm with their tag, only with loaders of it'],
  ['autotrack', 'works inside Google\'s analytics.js, which is not on npm'],
  ['Segment, RudderStack, Jitsu, Ackee', 'neither report outbound clicks of themselves nor decorate'],
];

// Every page of the dashboard, of a site that somebody has lived in, and the parts of them that the guides show.
import { startLivedIn } from '../e2e/lived_in.mjs';

/** Pages that are shown whole: the picture's name, and the address; `//` begins those that belong to no site. */
const pages = (ids) => [
  ['page-today', '?period=last_7_days'],
  ['page-reports', '/reports?by=utm_source,utm_campaign'],
  ['page-costs', '/costs'],
  ['page-log', '/log'],
  ['page-log-postback', `/log/postbacks/${ids.postback}`],
  ['page-log-event', `/log/events/${ids.click}`],
  ['page-story', `/conversions/${ids.conversion}`],
  ['page-visit', `/visits/${ids.visit}`],
  ['page-visitor', `/visitors/${ids.visitor}`],
  ['page-erase', `/visitors/${ids.visitor}/erase`],
  ['page-worklist', '/worklist'],
  ['page-platforms', '/platforms'],
  ['page-platform', '/platforms/meta'],
  ['page-deliveries', '/deliveries'],
  ['page-delivery', `/deliveries/${ids.delivered}`],
  ['page-health', '/health'],
  ['page-settings', '/settings'],
  ['page-export', '/export'],
  ['page-people', '//people'],
  ['page-tokens', '//tokens'],
  ['page-audit', '//audit'],
  ['page-account', '//account'],
];
/** Those that are also shown dark and narrow. */
const IN_EVERY_DRESS = ['page-today', 'page-reports', 'page-story'];

/** Takes the pictures of every page. */
export async function livedIn(camera) {
  const server = await startLivedIn();
  try {
    const { ids } = server.lived;
    const page = await camera.signIn(server);
    for (const [name, path] of pages(ids)) {
      await page.open(path);
      await camera.whole(page, name);
    }
    for (const [dress, look] of [['dark', { dark: true }], ['narrow', { width: 380 }]]) {
      const other = await camera.signIn(server, look);
      for (const [name, path] of pages(ids).filter(([name]) => IN_EVERY_DRESS.includes(name))) {
        await other.open(path);
        await camera.whole(other, `${name}-${dress}`);
      }
      await other.context().close();
    }
    await parts(camera, page);
    await questions(camera, page);

    const stranger = await camera.visitor();
    await stranger.goto(`${server.url}/sign-in`);
    await camera.whole(stranger, 'page-sign-in');
  } finally {
    await server.stop();
  }
}

/** What the guides show of pages. */
async function parts(camera, page) {
  await page.open('?period=last_7_days');
  await camera.part(page, 'health-strip', '#health');
  await camera.part(page, 'headline', '#figures .section-head', '#figures .headline');
  await page.open('/platforms/meta');
  await camera.part(page, 'platform', '.title', '#hint-access_token');
  await page.open('/platforms');
  await camera.part(page, 'platforms-in-use', '[aria-labelledby="used-title"]');
  await page.open('/costs');
  await camera.part(page, 'costs', '#spent');
  await camera.part(page, 'costs-parameters', '.guides');
}

/** Which ad, keyword, page and link made money: asked as the guide asks it. */
async function questions(camera, page) {
  const REPORT = ['.report-tools', '.report'];
  const follow = async (link) => {
    const from = page.url();
    await link.click();
    await page.waitForURL((url) => url.href !== from);
  };
  const show = () => follow(page.getByRole('button', { name: 'Show', exact: true }));
  const by = async (...labels) => {
    for (const place of [0, 1, 2]) await page.locator(`#by-${place + 1}`).selectOption({ label: labels[place] ?? '–' });
    await show();
    const shown = (await page.locator('.report thead th').allInnerTexts()).slice(0, labels.length);
    if (`${shown}` !== `${labels}`) throw new Error(`asked for ${labels}, and got ${shown}`);
  };
  await page.open('/reports');
  await by('Campaign');
  await follow(page.locator('.report thead').getByRole('link', { name: 'Profit' }));
  await camera.part(page, 'report-campaigns', ...REPORT);
  await page.getByLabel('Compared with').selectOption({ label: 'The days before' });
  await page.getByLabel('Days').selectOption({ label: 'Last 7 days' });
  await show();
  await camera.part(page, 'report-compared', ...REPORT);

  await page.open('/reports');
  await by('Campaign');
  await follow(page.locator('.report tbody').getByRole('link', { name: 'Sourdough | Search | DACH' }));
  await by('Term');
  await camera.part(page, 'report-terms', '.chips', '.report');

  await page.open('/reports');
  await by('Page', 'Link');
  await camera.part(page, 'report-links', ...REPORT);

  await page.open('/reports');
  await by('Campaign');
  const sales = (await page.locator('.report thead th').allInnerTexts()).findIndex((head) => head.startsWith('Sales'));
  await follow(page.locator('.report tbody tr', { hasText: 'Knife skills | Search' }).locator('th, td').nth(sales).getByRole('link').first());
  await camera.whole(page, 'report-rows');
}

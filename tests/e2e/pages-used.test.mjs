// The dashboard as people use it: by the keyboard alone, without scripts, with what is saved, shared, downloaded and put right.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { launch } from './browser.mjs';
import { startLivedIn } from './lived_in.mjs';

/** The cells of a CSV file. */
function cells(text) {
  const found = [];
  for (const [, quoted, plain] of text.replace(/^\uFEFF/, '').matchAll(/(?:^|,|\r\n|\n)(?:"((?:[^"]|"")*)"|([^",\r\n]*))/g)) found.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
  return found;
}

describe('the dashboard, as people use it', () => {
  let browser, server, context, page, problems;

  before(async () => {
    browser = await launch();
    server = await startLivedIn({ visits: 160 });
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  beforeEach(async () => {
    context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true });
    page = await context.newPage();
    problems = [];
    page.on('pageerror', (error) => problems.push(String(error)));
  });
  afterEach(async () => {
    await context.close();
    assert.deepEqual(problems, []);
  });

  const site = () => `/sites/${server.site.site_id}`;
  const as = (session) => context.addCookies([session.cookie]);
  const open = (path) => page.goto(server.url + site() + path);
  const pressed = async (name) => {
    const loaded = page.waitForEvent('load');
    await page.getByRole('button', { name }).first().click();
    await loaded;
  };

  /** Presses Tab until what fits this selector and text has the focus, and looks that it can be seen to have it. */
  const tabTo = async (selector, text = '') => {
    for (let n = 0; n < 250; n += 1) {
      const seen = await page.evaluate(([selector, text]) => {
        const here = document.activeElement;
        if (!here?.matches(selector) || !here.textContent.includes(text)) return '';
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(here);
        return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none' ? 'seen' : 'unseen';
      }, [selector, text]);
      if (seen === 'seen') return;
      assert.notEqual(seen, 'unseen', `${selector} ${text} has the focus, and nobody sees it`);
      await page.keyboard.press('Tab');
    }
    assert.fail(`no Tab leads to ${selector} ${text}`);
  };
  const enter = async () => {
    const loaded = page.waitForEvent('load');
    await page.keyboard.press('Enter');
    await loaded;
  };

  it('by the keyboard alone: sign in, choose a grouping, filter by a cell, see the rows behind a figure, save, share', async () => {
    const { owner, reader } = server.lived.people;
    await page.goto(`${server.url}/sign-in`);
    await page.keyboard.type(owner.email);
    await page.keyboard.press('Tab');
    await page.keyboard.type(owner.password);
    await enter();
    assert.equal(await page.innerText('h1'), 'Kitchen Notes');
    await tabTo('.skip');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main', 'the first Tab skips what stands on every page');

    await page.reload();
    await tabTo('.tabs a', 'Reports');
    await enter();
    await tabTo('#by-1');
    await page.keyboard.type('Source');
    await tabTo('button', 'Show');
    await enter();
    assert.equal(new URL(page.url()).searchParams.get('by'), 'utm_source');
    await tabTo('.report tbody a', 'facebook');
    await enter();
    assert.match(await page.innerText('.chips'), /Source: facebook/);
    assert.deepEqual(new URL(page.url()).searchParams.getAll('where'), ['utm_source:facebook']);

    const told = await page.innerText('.report tfoot');
    await tabTo('.report tfoot .number a');
    const figure = Number((await page.evaluate(() => document.activeElement.textContent)).replace(/\D/g, ''));
    await enter();
    assert.ok((await page.innerText('h1')).length > 0);
    assert.match(await page.innerText('.chips'), /facebook/);
    const rows = await page.locator('table.entries tbody tr').count();
    assert.equal(rows, Math.min(figure, 100), 'as many rows as the figure says');
    await page.goBack();

    await tabTo('#name');
    await page.keyboard.type('What Facebook brings');
    await enter();
    assert.match(await page.innerText('main'), /The report is saved\./);
    const shared = new URL(await page.getByRole('navigation', { name: 'Saved reports' }).getByRole('link', { name: 'What Facebook brings' }).getAttribute('href'), server.url).href;

    const theirs = await browser.newContext();
    await theirs.addCookies([reader.cookie]);
    const other = await theirs.newPage();
    await other.goto(shared);
    assert.equal(await other.innerText('.report tfoot'), told, 'who reads only sees the same');
    assert.equal(await other.getByRole('heading', { name: 'Keep this report' }).count(), 0);
    await theirs.close();
  });

  it('a report can be sorted by its heads, compared, and narrowed and widened again', async () => {
    await as(server.lived.people.analyst);
    await open('/reports?by=utm_source');
    const column = (name) => page.evaluate((name) => {
      const at = [...document.querySelectorAll('.report thead th')].findIndex((head) => head.textContent.trim() === name);
      return [...document.querySelectorAll('.report tbody tr')].map((row) => Number(row.cells[at].textContent.replace(/[^\d.-]/g, '')));
    }, name);
    await page.locator('.report thead').getByRole('link', { name: 'Visits' }).click();
    const visits = await column('Visits');
    assert.ok(visits.length > 3);
    assert.deepEqual(visits, [...visits].sort((a, b) => b - a));
    await page.locator('.report thead').getByRole('link', { name: 'Visits' }).click();
    assert.deepEqual(await column('Visits'), [...visits].sort((a, b) => a - b));
    await page.locator('.report tbody').getByRole('link', { name: 'google' }).first().click();
    await page.locator('.chips').waitFor();
    const narrowed = await column('Visits');
    assert.ok(narrowed.length === 1 && visits.includes(narrowed[0]), `${narrowed} is one of ${visits}`);
    await page.locator('.chips a').first().click();
    assert.equal(await page.locator('.chips').count(), 0);
  });

  it('a conversion that nobody was credited with is assigned, marked as a test, and taken back from that', async () => {
    await as(server.lived.people.analyst);
    const { unattributed, click } = server.lived.ids;
    await open(`/conversions/${unattributed}`);
    await page.getByLabel('Click id').fill('no click of ours');
    await pressed('Assign');
    assert.match(await page.innerText('main'), /No click of this site has that id/, 'what cannot be is told');
    await open(`/conversions/${unattributed}`);
    assert.equal(await page.innerText('.title .state'), 'unattributed');
    await page.getByLabel('Click id').fill(click);
    await pressed('Assign');
    assert.equal(await page.innerText('.title .state'), 'attributed');
    await pressed('Mark it as a test');
    assert.equal(await page.innerText('.title .state'), 'test');
    await pressed('It is no test');
    assert.equal(await page.innerText('.title .state'), 'attributed');
  });

  it('a refused postback is found in the log, corrected, read again, and the correction taken back', async () => {
    await as(server.lived.people.analyst);
    await open('/log');
    await page.getByLabel('State').selectOption('refused');
    await pressed('Show');
    const states = await page.locator('table.log .state').allInnerTexts();
    assert.ok(states.length >= 3 && states.every((state) => state === 'refused'), states.join());
    await page.locator('table.log tbody tr', { hasText: 'payed' }).getByRole('link').first().click();
    await page.getByLabel('Parameter').fill('transaction_type');
    await page.getByLabel('Value').fill('payment');
    await pressed('Correct');
    assert.equal(await page.innerText('.title .state'), 'accepted');
    await pressed('Read it again by the rules of now');
    assert.equal(await page.innerText('.title .state'), 'accepted');
    await pressed('Take back the correction of transaction_type');
    assert.equal(await page.innerText('.title .state'), 'refused');
  });

  it('the log finds what it is asked for, and says what it looked through where there is nothing', async () => {
    await as(server.lived.people.reader);
    await open('/log');
    const search = async (text) => {
      await page.getByRole('search').getByRole('searchbox').fill(text);
      await pressed('Find');
      return page.innerText('.found');
    };
    const { click, visit } = server.lived.ids;
    assert.match(await search(click), /[1-9]\d* found/);
    assert.match(await search(visit), /[1-9]\d* found/);
    assert.match(await search('DS24-70003'), /[1-9]\d* found/);
    assert.match(await search('nothing-is-called-like-this'), /Nothing found[\s\S]*Looked in/);
  });

  it('the whole inbox is read again from the worklist, and the page says how it went', async () => {
    await as(server.lived.people.analyst);
    await open('/worklist');
    await pressed('Read everything again');
    const deadline = Date.now() + 20_000;
    while (!/\bdone\b/.test(await page.innerText('main')) && Date.now() < deadline) await page.reload();
    assert.match(await page.innerText('main'), /done[\s\S]*accepted/);
  });

  it('costs are added by hand and from a file that is looked at first, and taken away', async () => {
    await as(server.lived.people.analyst);
    await open('/costs');
    await page.getByLabel('Amount, of all days').fill('12.50');
    await page.getByLabel('Note', { exact: true }).fill('a poster');
    await pressed('Add the cost');
    await page.locator('tr', { hasText: 'a poster' }).waitFor();
    await page.locator('tr', { hasText: 'a poster' }).getByText('Remove').first().click();
    const gone = page.waitForEvent('load');
    await page.locator('tr', { hasText: 'a poster' }).getByRole('button').click();
    await gone;
    assert.equal(await page.locator('tr', { hasText: 'a poster' }).count(), 0);
    const day = new Date().toISOString().slice(0, 10);
    await page.getByLabel('The file').setInputFiles({ name: 'google.csv', mimeType: 'text/csv', buffer: Buffer.from(`Day,Campaign,Cost,Currency\n${day},"Sourdough | Search | DACH",7.40,EUR\n`) });
    await pressed('Look at it first');
    assert.match(await page.innerText('main'), /7\.40/);
  });

  it('settings are changed, and what cannot be is told at its field without losing it', async () => {
    await as(server.lived.people.owner);
    await open('/settings');
    await page.getByLabel('Time zone').fill('Europe/Nowhere');
    await pressed('Save');
    assert.match(await page.innerText('.field.wrong'), /time_zone|zone/i);
    assert.equal(await page.getByLabel('Time zone').inputValue(), 'Europe/Nowhere');
    await page.getByLabel('Time zone').fill('Europe/Berlin');
    await page.getByLabel('Name', { exact: true }).fill('Kitchen Notes Studio');
    await pressed('Save');
    assert.match(await page.innerText('main'), /Saved\./);
    assert.match(await page.title(), /Kitchen Notes Studio/);
    await page.getByLabel('Name', { exact: true }).fill('Kitchen Notes');
    await pressed('Save');
  });

  it('people get in by a link, programs by a token, and the trail tells of both', async () => {
    await as(server.lived.people.owner);
    await page.goto(`${server.url}/people`);
    await page.getByLabel('E-mail', { exact: true }).fill('nora@agency.example');
    await page.getByLabel('Name', { exact: true }).fill('Nora Lind');
    await pressed('Add and make a link');
    const link = /http:\/\/\S+\/sign-in\?code=[\w-]+/.exec(await page.content())[0];
    const hers = await browser.newContext();
    const other = await hers.newPage();
    await other.goto(link);
    await other.getByLabel('New password').fill('a few words to keep');
    await other.getByLabel('The same again').fill('a few words to keep');
    await other.getByRole('button', { name: 'Set password and sign in' }).click();
    await other.waitForURL(/\/sites\//);
    assert.equal((await other.goto(`${server.url}/people`)).status(), 403, 'as a reader');
    await other.goto(`${server.url}/account`);
    await other.getByLabel('What you are called').fill('Nora L.');
    const renamed = other.waitForEvent('load');
    await other.getByRole('button', { name: 'Save' }).click();
    await renamed;
    assert.equal(await other.getByLabel('What you are called').inputValue(), 'Nora L.');
    await hers.close();

    await page.goto(`${server.url}/tokens`);
    await page.getByLabel('Name', { exact: true }).fill('night job');
    await pressed('Make token');
    const token = /tagwerk_[\w-]+/.exec(await page.content())[0];
    const ask = () => fetch(`${server.url}/api/v1${site()}/report?by=utm_source`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal((await ask()).status, 200);
    await page.goto(`${server.url}/tokens`);
    const row = page.locator('tr', { hasText: 'night job' });
    await row.getByText('Revoke', { exact: true }).first().click();
    await row.getByRole('button', { name: 'Revoke for good' }).click();
    await page.getByText('Revoked.').waitFor();
    assert.equal((await ask()).status, 401);

    await page.goto(`${server.url}/audit`);
    const trail = await page.innerText('main');
    for (const word of ['person.added', 'nora@agency.example', 'token.', 'night job', server.lived.people.owner.email]) assert.ok(trail.includes(word), word);
  });

  it('who reads only is shown nothing to press that would be refused, and what they send all the same is refused', async () => {
    const { reader } = server.lived.people;
    await as(reader);
    for (const path of ['', '/reports', '/costs', '/log', '/worklist', '/platforms', '/connect', '/settings', `/conversions/${server.lived.ids.conversion}`]) {
      assert.equal((await open(path)).status(), 200, path);
      const buttons = await page.locator('main form[method="post"] button:not([disabled])').evaluateAll((all) => all.filter((button) => !button.closest('fieldset[disabled]')).map((button) => button.textContent));
      assert.deepEqual(buttons.filter((text) => !/Check these links/.test(text)), [], path);
    }
    for (const [path, fields] of [['/settings', { name: 'mine' }], ['/costs', { amount: '1' }], [`/conversions/${server.lived.ids.conversion}/test`, { is_test: '1' }], ['/replay', {}], ['/platforms/meta', { pixel_id: '1' }]]) {
      const answer = await reader.ask(site() + path, { method: 'POST', body: new URLSearchParams(fields) });
      assert.equal(answer.status, 403, path);
      assert.match(await answer.text(), /This takes an? (owner|analyst)/, path);
    }
  });

  it('without scripts the main ways are open: Today, a report, a setting', async () => {
    const plain = await browser.newContext({ javaScriptEnabled: false });
    await plain.addCookies([server.lived.people.owner.cookie]);
    const page = await plain.newPage();
    await page.goto(`${server.url}${site()}`);
    assert.ok((await page.locator('.feed-entry').count()) > 3);
    await page.getByRole('link', { name: 'Reports' }).first().click();
    await page.getByLabel('By', { exact: true }).selectOption('utm_source');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await page.locator('.report tbody').getByRole('link', { name: 'facebook' }).first().click();
    assert.match(await page.innerText('.chips'), /facebook/);
    await page.goto(`${server.url}${site()}/settings`);
    await page.getByLabel('First touch counts for, in days').fill('60');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    assert.equal(await page.getByLabel('First touch counts for, in days').inputValue(), '60');
    await plain.close();
  });
});

describe('files of hostile data', () => {
  let browser, server, context, page;

  before(async () => {
    browser = await launch();
    server = await startLivedIn({ hostile: true, visits: 60 });
    context = await browser.newContext({ acceptDownloads: true });
    await context.addCookies([server.lived.people.owner.cookie]);
    page = await context.newPage();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  for (const [what, path, link] of [
    ['a report', '/reports?by=utm_campaign,utm_source,product', 'CSV'],
    ['the log of postbacks', '/log', 'as a CSV file'],
    ['the log of clicks', '/log?list=clicks', 'as a CSV file'],
    ['the log of events', '/log?list=events', 'as a CSV file'],
  ]) {
    it(`${what} downloads as a file in which no cell begins a formula`, async () => {
      await page.goto(`${server.url}/sites/${server.site.site_id}${path}`);
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: link, exact: true }).click()]);
      assert.match(download.suggestedFilename(), /\.csv$/);
      const text = readFileSync(await download.path(), 'utf8');
      const all = cells(text);
      assert.ok(all.length > 50, `${all.length} cells`);
      assert.deepEqual(all.filter((cell) => /^[=+\-@\t\r]/.test(cell) && !/^-?\d+(\.\d+)?$/.test(cell)), []);
    });
  }
});

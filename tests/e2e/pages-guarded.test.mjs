// The doors of the dashboard: two people at the same setting, stolen sessions, pages of others that write or frame, guessed passwords.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, beforeEach, afterEach, describe, it } from 'node:test';
import { launch } from './browser.mjs';
import { addPerson, signIn } from './operator.mjs';
import { startServer } from './server.mjs';

/** A proxy in front: each attempt may come from an address of its own. */
const BEHIND_A_PROXY = 'trusted_proxies = ["127.0.0.1"]\n';

describe('the doors of the dashboard', () => {
  let browser, server, admin, contexts;

  before(async () => {
    browser = await launch();
  });
  after(() => browser.close());
  beforeEach(async () => {
    contexts = [];
    server = await startServer({}, BEHIND_A_PROXY);
    admin = await signIn(server, { token: server.token }, '198.51.100.1');
  });
  afterEach(async () => {
    for (const context of contexts) await context.close();
    await server.stop();
  });

  const person = (name, role, turn) => addPerson(server, admin, { email: `${name}@shop.example`, name, role }, `198.51.100.${turn}`);
  /** A page of somebody's own browser, signed in by this session. */
  const at = async (session, path) => {
    const context = await browser.newContext();
    contexts.push(context);
    await context.addCookies([session.cookie]);
    const page = await context.newPage();
    await page.goto(server.url + path);
    return page;
  };
  const site = () => `/sites/${server.site.site_id}`;
  const settings = async () => (await fetch(`${server.url}/api/v1${site()}/settings`, { headers: { authorization: `Bearer ${server.token}` } })).json();
  const save = (page) => Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Save', exact: true }).first().click()]);
  const isIn = async (session) => (await session.ask('/account')).status === 200;

  it('two people who change the same setting: the second is told what the first wrote, and decides', async () => {
    const [anna, jonas] = [await person('anna', 'owner', 2), await person('jonas', 'owner', 3)];
    const [hers, his] = [await at(anna, `${site()}/settings`), await at(jonas, `${site()}/settings`)];
    await hers.getByLabel('Name', { exact: true }).fill('What Anna calls it');
    await hers.getByRole('button', { name: 'Save' }).click();
    await hers.getByText('Saved.').waitFor();
    await his.getByLabel('Name', { exact: true }).fill('What Jonas calls it');
    await his.getByRole('button', { name: 'Save' }).click();
    await his.getByRole('alert').first().waitFor();
    const told = await his.innerText('main');
    assert.match(told, /somebody else changed Name meanwhile/);
    assert.ok(told.includes('What Anna calls it'), 'what she wrote stands there');
    assert.equal(await his.getByLabel('Name', { exact: true }).inputValue(), 'What Jonas calls it', 'what he wrote is not lost');
    assert.equal((await settings()).name, 'What Anna calls it');
    await his.getByRole('button', { name: 'Save' }).click();
    await his.getByText('Saved.').waitFor();
    assert.equal((await settings()).name, 'What Jonas calls it');
  });

  it('two people who change different settings undo nothing of each other', async () => {
    const [anna, jonas] = [await person('anna', 'owner', 2), await person('jonas', 'owner', 3)];
    const [hers, his] = [await at(anna, `${site()}/settings`), await at(jonas, `${site()}/settings`)];
    await hers.getByLabel('Time zone').fill('Europe/Vienna');
    await hers.getByRole('button', { name: 'Save' }).click();
    await hers.getByText('Saved.').waitFor();
    await his.getByLabel('Reporting currency').fill('CHF');
    await his.getByRole('button', { name: 'Save' }).click();
    await his.getByText('Saved.').waitFor();
    const { time_zone: zone, reporting_currency: currency } = await settings();
    assert.deepEqual([zone, currency], ['Europe/Vienna', 'CHF']);
  });

  for (const [what, path, one, other] of [
    ['a platform', '/platforms/meta', ['Dataset ID (pixel ID)', '1111111111111111'], ['Test event code', 'TEST123']],
    ['a network', '/connect/digistore24', ['Currency', 'CHF'], ['Hosts that stand for this network', 'deal.example']],
  ]) {
    it(`two people at the form of ${what}: the second is told, and nothing is lost silently`, async () => {
      const [hers, his] = [await at(admin, site() + path), await at(admin, site() + path)];
      const field = (page, [label]) => page.getByLabel(label).first();
      await field(hers, one).fill(one[1]);
      await save(hers);
      const before = JSON.stringify(await settings());
      assert.ok(before.includes(one[1]), 'hers is kept');
      await field(his, other).fill(other[1]);
      await save(his);
      await his.getByText(/somebody else has changed/i).first().waitFor();
      assert.equal(JSON.stringify(await settings()), before, 'nothing of his is kept yet, and hers is');
      assert.equal(await field(his, other).inputValue(), other[1], 'what he entered is not lost');
      assert.ok((await his.innerText('main')).includes(one[1]), 'what she wrote stands there');
    });
  }

  it('a session has a cookie that no script reads, no other site sends along, and over https no neighbour sets', async () => {
    const answer = await fetch(`${server.url}/sign-in`, { method: 'POST', redirect: 'manual', headers: { origin: server.url }, body: new URLSearchParams({ token: server.token }) });
    const flags = answer.headers.getSetCookie().map((line) => line.replace(/=[^;]+/, '=S'));
    assert.deepEqual(flags, ['__Host-tagwerk=S; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure', 'tagwerk-session=S; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax']);
    const context = await browser.newContext();
    contexts.push(context);
    const page = await context.newPage();
    await page.goto(`${server.url}/sign-in`);
    await page.getByLabel('Admin token').fill(server.token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(/\/sites\//);
    assert.equal((await context.cookies()).length, 2);
    assert.equal(await page.evaluate(() => document.cookie), '');

    const secure = await startServer({ TAGWERK_PUBLIC_URL: 'https://t.example' });
    try {
      const answer = await fetch(`${secure.url}/sign-in`, { method: 'POST', redirect: 'manual', headers: { origin: 'https://t.example' }, body: new URLSearchParams({ token: secure.token }) });
      const [cookie, ...others] = answer.headers.getSetCookie();
      assert.match(cookie, /^__Host-tagwerk=[^;]+; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure$/);
      assert.deepEqual(others, []);
      const stolen = await fetch(`${secure.url}/account`, { redirect: 'manual', headers: { cookie: cookie.split(';')[0].replace('__Host-tagwerk', 'tagwerk-session') } });
      assert.equal(stolen.headers.get('location'), '/sign-in', 'under another name it opens nothing');
    } finally {
      await secure.stop();
    }
  });

  it('a stolen session opens nothing once its owner has signed out, has another role or password, is switched off or gone', async () => {
    const anna = await person('anna', 'owner', 2);
    const again = await signIn(server, { email: anna.email, password: anna.password }, '198.51.100.3');
    const thief = { ask: anna.ask };
    await (await at(anna, site())).getByRole('button', { name: 'Sign out' }).click();
    assert.equal(await isIn(thief), false, 'after signing out');
    assert.equal(await isIn(again), true, 'in another browser she is still in');

    const elsewhere = await signIn(server, { email: anna.email, password: anna.password }, '198.51.100.4');
    const changed = await again.ask('/account/password', { method: 'POST', body: new URLSearchParams({ current: anna.password, password: 'an altogether new one', again: 'an altogether new one' }) });
    const [cookie] = changed.headers.getSetCookie();
    assert.deepEqual([await isIn(elsewhere), await isIn(again)], [false, false], 'after a new password, wherever she was');
    assert.equal((await again.ask('/account', { headers: { cookie: cookie.split(';')[0] } })).status, 200, 'she goes on under a new one');

    for (const [turn, [act, fields]] of [['role', { role: 'analyst' }], ['disable', {}], ['remove', {}]].entries()) {
      const jonas = await person(`jonas${turn}`, 'owner', 10 + turn);
      assert.equal(await isIn(jonas), true);
      const list = await (await admin.ask('/people')).text();
      const id = list.split('id="person-').find((part) => part.includes(jonas.email)).split('"')[0];
      await admin.send(`/people/${id}/${act}`, fields);
      assert.equal(await isIn(jonas), false, `after ${act}`);
      const saved = await jonas.ask(`${site()}/settings`, { method: 'POST', body: new URLSearchParams({ 'was.name': '', name: 'stolen' }) });
      assert.equal(saved.headers.get('location'), '/sign-in', `a write after ${act}`);
    }
  });

  it('a form on a page of others changes nothing, whichever site it is of, and no page of others frames the dashboard', async () => {
    const evil = createServer((request, response) => {
      const form = (path) => `<form method="post" action="${server.url}${path}"><input name="was.name" value=""><input name="name" value="changed by others"><input name="email" value="thief@evil.example"><input name="role" value="owner"></form><script>document.forms[0].submit()</script>`;
      const body = { '/settings': form(`${site()}/settings`), '/people': form('/people'), '/frame': `<iframe src="${server.url}${site()}"></iframe>` }[request.url] ?? '';
      response.writeHead(200, { 'content-type': 'text/html' }).end(body);
    });
    evil.listen(0);
    await once(evil, 'listening');
    try {
      const page = await at(admin, site());
      const before = (await settings()).name;
      // Another port is another origin of the same site, which gets the cookie; another name is another site.
      for (const host of ['127.0.0.1', 'localhost']) {
        for (const path of ['/settings', '/people']) {
          await page.goto(`http://${host}:${evil.address().port}${path}`);
          await page.waitForURL((url) => url.href.startsWith(server.url));
          assert.match(await page.innerText('h1'), /Not from here|Sign in/, `${host}${path}`);
        }
        await page.goto(`http://${host}:${evil.address().port}/frame`, { waitUntil: 'load' });
        const framed = page.frames().find((frame) => frame !== page.mainFrame());
        assert.match(framed.url(), /^chrome-error:/, 'the browser shows no page of ours there');
      }
      assert.equal((await settings()).name, before);
      assert.ok(!(await (await admin.ask('/people')).text()).includes('thief@evil.example'));
      await page.goto(server.url + site());
      assert.equal(await page.locator('h1').count(), 1, 'who was lured is still signed in');
    } finally {
      evil.closeAllConnections();
      evil.close();
    }
  });

  it('who guesses the password of one person has to wait, is told so, and keeps nobody else out', async () => {
    const [anna, jonas] = [await person('anna', 'owner', 2), await person('jonas', 'analyst', 3)];
    const attempt = (email, password, from) =>
      fetch(`${server.url}/sign-in`, { method: 'POST', redirect: 'manual', headers: { origin: server.url, 'x-forwarded-for': from }, body: new URLSearchParams({ email, password }) });
    let answer;
    let tries = 0;
    do {
      answer = await attempt(anna.email, `guess ${tries}`, `203.0.113.${tries}`);
      tries += 1;
    } while (answer.status === 401 && tries < 20);
    assert.equal(answer.status, 429, 'from ever other addresses');
    assert.ok(tries <= 7, `after ${tries}`);
    assert.match(await answer.text(), /Too many wrong passwords for this account\. Wait \d+ seconds/);
    assert.ok(Number(answer.headers.get('retry-after')) > 20);
    assert.equal((await attempt(anna.email, anna.password, '203.0.113.99')).status, 429, 'who guesses right now is not let in either');
    assert.equal((await attempt(jonas.email, jonas.password, '203.0.113.99')).status, 303, 'others are');

    // From one address, whomever it tries.
    const statuses = [];
    for (let n = 0; n < 12; n += 1) statuses.push((await attempt(`nobody${n}@shop.example`, 'guess', '192.0.2.7')).status);
    assert.equal(statuses[0], 401);
    assert.equal(statuses.at(-1), 429);
    const page = await at(anna, '/sign-in');
    assert.equal(await page.locator('h1').innerText(), 'Sign in', 'the session that she has goes on, and the form can be reached');
    assert.equal(await isIn(anna), true);
  });
});

// What people do in the dashboard, as the requests that their browsers send: for what a test needs before it begins.

/** A session of the dashboard: signed in by what the form asks for (`token`, or `email` and `password`, or `code` and a new password). */
export async function signIn(server, form, address) {
  const answer = await fetch(`${server.url}/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    // Behind a proxy each person has an address of their own, so that nobody waits for another's attempts.
    headers: { origin: server.url, 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', ...(address && { 'x-forwarded-for': address }) },
    body: new URLSearchParams(form),
  });
  const secret = answer.headers.getSetCookie().map((line) => /^tagwerk-session=([^;]+)/.exec(line)?.[1]).find(Boolean);
  if (answer.status !== 303 || !secret) throw new Error(`nobody was signed in: ${answer.status} ${await answer.text()}`);
  const cookie = { name: 'tagwerk-session', value: secret, url: server.url };
  const ask = (path, options = {}) =>
    fetch(`${server.url}${path}`, { redirect: 'manual', ...options, headers: { cookie: `tagwerk-session=${secret}`, origin: server.url, ...options.headers } });
  return {
    /** For a browser's context. */
    cookie,
    ask,
    /** Sends a form; answers the page that came of it. */
    async send(path, fields) {
      const answer = await ask(path, { method: 'POST', body: new URLSearchParams(fields) });
      const text = await answer.text();
      if (answer.status >= 400) throw new Error(`${path}: ${answer.status} ${/role="alert">([^<]*)/.exec(text)?.[1] ?? ''}`);
      return text;
    },
  };
}

/** Adds a person as an owner does, and lets them choose their password by the link; answers them with a session of their own. */
export async function addPerson(server, owner, { email, name, role }, address) {
  const page = await owner.send('/people', { email, name, role });
  const code = /sign-in\?code=([\w-]+)/.exec(page)?.[1];
  if (!code) throw new Error(`no link was made for ${email}`);
  const password = `a long password of ${role}`;
  const session = await signIn(server, { code, password, again: password }, address);
  return { email, name, role, password, ...session };
}

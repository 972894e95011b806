// @ts-check
// Which of a page's scripts are a Tagwerk tag. Pure.

/** @typedef {import('./seen').Script & { origin: string, site_id: string }} TagScript */

/** @param {string} address */
const parsed = (address) => {
  try {
    return new URL(address);
  } catch {
    return null;
  }
};

/** The origin of an address; empty where it has none. @param {string} address */
export const originOf = (address) => parsed(address)?.origin ?? '';

/** The host of an address; empty where it has none. @param {string} address */
export const hostOf = (address) => parsed(address)?.hostname ?? '';

/** An address without what follows its path. @param {string} address */
export const plainly = (address) => address.split(/[?#]/)[0] ?? '';

/**
 * The site's id in a script's address: twelve letters and digits before `.js`, so mixed that nobody wrote them by hand.
 * @param {string} address
 */
export function siteIn(address) {
  const [, id = ''] = /\/([A-Za-z0-9]{12})\.js$/.exec(plainly(address)) ?? [];
  const turns = [...id].filter((letter, at) => at > 0 && /[A-Z]/.test(letter) !== /[A-Z]/.test(id[at - 1] ?? '')).length;
  return /[A-Z]/.test(id) && /[a-z]/.test(id) && (/\d/.test(id) || turns > 3) ? id : '';
}

/** Whether a script of that address lies at the top of its server, as the tag does unless its operator says otherwise. @param {string} address */
const isAtTop = (address) => parsed(address)?.pathname.lastIndexOf('/') === 0;

/**
 * The scripts of a page that are a tag, or would be one: that of the site that is at work, that which is expected, and whatever
 * looks like one.
 * @param {import('./seen').Frame} frame
 * @param {import('./seen').Expected | null} expected
 * @returns {TagScript[]}
 */
export function tagScripts({ page, tag }, expected) {
  const own = tag.report?.site_id ?? '';
  const servers = [tag.report?.server?.origin, expected?.origin].filter(Boolean);
  return page.scripts.flatMap((script) => {
    const address = plainly(script.address);
    const origin = originOf(address);
    const named = own && script.address.includes(own) ? own : '';
    const wanted = expected && address === plainly(expected.address) ? expected.site_id : '';
    const alike = isAtTop(address) || servers.includes(origin) ? siteIn(address) : '';
    const site_id = named || wanted || alike;
    return site_id && origin ? [{ ...script, origin, site_id }] : [];
  });
}

/** Whether a script element is one that the browser runs. @param {TagScript} script */
export const isLive = ({ within, attribute, runs, nomodule }) => within === 'page' && attribute === 'src' && runs && !nomodule;

/**
 * What somebody pasted as the tag's line: the line itself, or the script's address; nothing where it is neither.
 * @param {string} text
 * @returns {import('./seen').Expected | null}
 */
export function expectedIn(text) {
  const raw = /\ssrc\s*=\s*["']?([^"'\s>]+)/i.exec(text)?.[1] ?? text.trim();
  const url = parsed(raw);
  const site_id = siteIn(raw) || (/([A-Za-z0-9]{12})/.exec(url?.pathname ?? '')?.[1] ?? '');
  return url && /^https?:$/.test(url.protocol) && site_id ? { address: plainly(url.href), origin: url.origin, site_id } : null;
}

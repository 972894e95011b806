// @ts-check
// Problems of the tag's line: whether its script is there, runs, is the right one, and is there once. Pure.
import { isLive, plainly } from '../tags.js';

/** @typedef {import('../problems').Scene} Scene @typedef {import('../seen').Problem} Problem @typedef {import('../tags').TagScript} TagScript */

/** How late a script may be asked for, in milliseconds since the page load began. */
const LATE = 4000;

const LINE = 'Copy the line from Tagwerk\'s dashboard (Connect) into the <head> of the page.';

/** @param {string} address */
const line = (address) => `<script async src="${address}"></script>`;

/** @param {Scene} scene @param {string} address */
const resourceOf = ({ page }, address) => page.resources.find((resource) => plainly(resource.address) === plainly(address));

/** Whether the policy of the page kept an address from being loaded as a script. @param {Scene} scene @param {string} address */
const isRefused = ({ page }, address) =>
  page.violations.some(({ directive, blocked, disposition }) => /^(script-src|default-src)/.test(directive) && disposition !== 'report' && plainly(blocked) === plainly(address));

/** @param {string} origin @returns {Problem} */
export const cspScript = (origin) => ({
  id: 'csp_script',
  level: 'broken',
  title: 'The page\'s Content-Security-Policy keeps the tag\'s script out',
  mend: 'Add the server\'s origin to script-src, or put the page\'s nonce on the line. connect-src and \'wasm-unsafe-eval\' are needed as well.',
  code: `script-src ${origin} 'wasm-unsafe-eval'; connect-src ${origin}`,
});

/**
 * Why a page has no tag at work.
 * @param {Scene} scene
 * @returns {Problem[]}
 */
export function absentProblems(scene) {
  const { page, tag, scripts, expected } = scene;
  if (tag.state === 'other') {
    return [{ id: 'name_taken', level: 'broken', title: 'Something else in the page is called tagwerk', mend: 'A script of the page has set window.tagwerk to something of its own after the tag came. Rename that.' }];
  }
  const live = scripts.find(isLive);
  const inPage = scripts.find(({ within }) => within === 'page');
  if (live) return [whyNotRun(scene, live)];
  if (inPage) return [heldBack(inPage)];
  const [aside] = scripts;
  if (aside) {
    const where = { noscript: 'in <noscript>, which browsers with scripts pass over', template: 'in a <template>, which is not run', comment: 'in a comment', page: '' }[aside.within];
    return [{ id: 'not_run', level: 'broken', title: `The tag's line stands ${where}`, mend: 'Move the line out of there, into the <head> itself.', code: line(aside.address) }];
  }
  const refused = page.violations.find(({ directive, blocked }) => /^script-src/.test(directive) && expected && plainly(blocked) === plainly(expected.address));
  if (refused && expected) return [cspScript(expected.origin)];
  if (tag.manager === 'blocked' && page.complete) {
    return [{
      id: 'manager_blocked',
      level: 'broken',
      title: 'The page\'s tag manager did not run, and there is no tag outside of it',
      mend: 'Something keeps the tag manager from loading: an ad blocker, the consent banner, or the page\'s Content-Security-Policy. Who blocks the tag manager blocks the tag: put the line into the page itself.',
    }];
  }
  if (tag.state === 'stub') {
    return [{ id: 'stub_alone', level: 'broken', title: 'The stub is in the page, but the tag\'s script is not', mend: `Calls wait in the stub for a script that does not come. ${LINE}` }];
  }
  return [{ id: 'no_tag', level: expected ? 'broken' : 'look', title: 'There is no Tagwerk tag on this page', mend: `If it should have one: ${LINE} If it is there, empty the cache of the page and of its plugins, and load the page again.` }];
}

/** A script that somebody, mostly a consent banner or an optimising plugin, has made inert. @param {TagScript} script @returns {Problem} */
function heldBack({ type, attribute, runs, nomodule, address }) {
  if (runs && attribute === 'src' && nomodule) {
    return { id: 'wrong_type', level: 'broken', title: 'The tag\'s line says nomodule: no browser of today runs it', mend: 'Remove nomodule from the line.', code: line(address) };
  }
  const how = attribute === 'src' ? `its type is ${type}` : `its address stands in ${attribute}`;
  if (attribute === 'src' && /javascript|ecmascript|^\s*js\s*$|module|async|defer/i.test(type)) {
    return { id: 'wrong_type', level: 'broken', title: `The tag's script is not run: ${how}`, mend: 'That is no type that a browser runs. Remove type from the line.', code: line(address) };
  }
  return {
    id: 'held_back',
    level: 'broken',
    title: `The tag's script is held back: ${how}`,
    mend: 'A consent banner or an optimising plugin has made it inert until something happens. Exclude the tag\'s script there: without consent it stores and sends nothing. Or agree in the banner and look again.',
    about: [address],
  };
}

/** Why a script that a browser would run did not. @param {Scene} scene @param {TagScript} script @returns {Problem} */
function whyNotRun(scene, { address, origin, integrity, module }) {
  const { page } = scene;
  const resource = resourceOf(scene, address);
  if (page.address.startsWith('https:') && address.startsWith('http:') && !resource?.answered) {
    return {
      id: 'mixed_content',
      level: 'broken',
      title: 'The page is https, and the tag\'s line says http: browsers block that',
      mend: 'Set public_url of the server to its https address, and copy the line again.',
      code: line(address.replace(/^http:/, 'https:')),
    };
  }
  if (isRefused(scene, address)) return cspScript(origin);
  if (!page.complete && !resource) {
    return { id: 'loading', level: 'look', title: 'The page is still being loaded, and the tag has not come', mend: 'Look again when the page has been loaded.' };
  }
  if (resource?.status === 404 || (resource?.answered && !(resource.status >= 200 && resource.status < 400) && !integrity)) {
    return {
      id: 'wrong_address',
      level: 'broken',
      title: 'The server answers, but has no tag under this address',
      mend: `The site's id is unknown there, or script_path was changed. ${LINE}`,
      about: [address],
    };
  }
  if (integrity) {
    return {
      id: 'integrity',
      level: 'broken',
      title: 'The tag\'s line is pinned by integrity, and the script is another one now',
      mend: 'The script changes with every setting and every version of the server. Remove integrity from the line, or pin the new hash each time (with crossorigin="anonymous").',
      code: line(address),
    };
  }
  return {
    id: 'no_answer',
    level: 'broken',
    title: 'The tag\'s script was asked for and did not come: it is blocked, or the server cannot be reached',
    mend: `Open ${address} in a new tab. If a script is shown, an ad blocker or a privacy setting of this browser keeps it from the page: switch it off here to check, and give the server a name of your own site and a script_path of your own. If nothing is shown, the server is down, its name does not lead to it, or its certificate is wrong: run "tagwerk doctor" there.${module ? ' As a module it also has to come with CORS headers, which a proxy may have removed.' : ''}`,
    about: [address],
  };
}

/**
 * What is wrong with the line of a tag that is at work.
 * @param {Scene} scene
 * @returns {Problem[]}
 */
export function scriptProblems(scene) {
  const { page, report, scripts, expected } = scene;
  const live = scripts.filter(isLive);
  const own = report?.site_id ?? '';
  /** @type {Problem[]} */
  const found = [];
  const sites = [...new Set(live.map(({ site_id }) => site_id))];
  if (sites.length > 1) {
    found.push({
      id: 'two_sites',
      level: 'broken',
      title: `Tags of ${sites.length} sites are in the page; only the first one works`,
      mend: `At work is ${own || 'the one that came first'}. Remove the others.`,
      about: live.map(({ address }) => address),
    });
  } else if (live.length > 1) {
    found.push({
      id: 'twice',
      level: 'look',
      title: `The tag is in the page ${live.length === 2 ? 'twice' : `${live.length} times`}`,
      mend: 'It works once, whatever is there, but each costs a request. Keep one line: mostly one is in the theme and the other in a plugin or a tag manager.',
      about: live.map(({ address }) => address),
    });
  }
  if (expected && own && own !== expected.site_id) {
    found.push({ id: 'wrong_site', level: 'broken', title: `The tag of another site is at work: ${own}`, mend: `Expected is ${expected.site_id}. Put its line in the place of the other.`, code: line(expected.address) });
  } else if (expected && scene.server && scene.server !== expected.origin) {
    found.push({ id: 'wrong_server', level: 'broken', title: `The tag talks to another server: ${scene.server}`, mend: `Expected is ${expected.origin}. Copy the line from the dashboard of that server.`, code: line(expected.address) });
  }
  const [first] = live.filter(({ site_id }) => site_id === own);
  if (first && !first.async && !first.defer && !first.module) {
    found.push({ id: 'holds_up', level: 'look', title: 'The tag\'s line holds up the page: it has no async', mend: 'Nothing of the page waits for the tag. Add async.', code: line(first.address) });
  }
  const resource = page.resources.find(({ address, initiator }) => own && initiator !== 'fetch' && address.includes(own) && plainly(address).endsWith('.js'));
  if (resource && resource.start > LATE) {
    found.push({
      id: 'late',
      level: 'look',
      title: `The tag came late: ${(resource.start / 1000).toFixed(1)} seconds after the page`,
      mend: 'What was clicked before was not seen. A tag manager, a consent banner or an optimising plugin puts it in late: put the line into the <head> itself.',
    });
  }
  if (own && scripts.length === 0 && !resource && !page.full) {
    found.push({
      id: 'copied',
      level: 'look',
      title: 'The tag runs, but nothing in the page loads it from its server',
      mend: 'An optimising plugin or a tag manager serves a copy of the script, which misses changes of settings and versions. Exclude the tag\'s script from combining, caching and hosting locally.',
    });
  }
  return found;
}

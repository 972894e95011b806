// @ts-check
// Problems of links: those that do not get an id, lose it on the way, or are where the tag does not see them. Pure.
import { hostOf } from '../tags.js';
import { counted } from './events.js';

/** @typedef {import('../problems').Scene} Scene @typedef {import('../seen').Problem} Problem */

/** How many links the tag decorates before anybody uses them. */
const MOST_EAGER = 20;

/** @param {tagwerk.Link} link */
const named = ({ text, href }) => (text ? `${text}: ${href}` : href);

/** Whether an address is one of a group's. @param {string} address @param {tagwerk.Group[]} groups */
export const isNetworks = (address, groups) => {
  const host = hostOf(address);
  const path = host ? new URL(address).pathname : '';
  return host !== '' && groups.some(({ hosts, paths }) => hosts.some((known) => `.${host}`.endsWith(`.${known}`)) && (paths.length === 0 || paths.some((prefix) => path.startsWith(prefix))));
};

/** A sub-id that a link has and that has the form of a click id. @param {tagwerk.Link} link @param {tagwerk.Group[]} groups */
const idIn = ({ href, group }, groups) => {
  const param = groups.find(({ name }) => name === group)?.sub_id;
  const query = /\?([^#]*)/.exec(href)?.[1] ?? '';
  const value = (param && new URLSearchParams(query).get(param)) || '';
  return /^[a-z0-9]{32}$/i.test(value) ? value.toLowerCase() : '';
};

/**
 * @param {Scene} scene
 * @returns {Problem[]}
 */
export function linkProblems(scene) {
  const { report, page, others } = scene;
  if (!report) return [];
  const { links, cloaked, groups = [] } = report;
  /** @type {Problem[]} */
  const found = [];
  const tell = (/** @type {Omit<Problem, 'about'>} */ problem, /** @type {string[]} */ about) => about.length > 0 && found.push({ ...problem, about });

  const unmarked = links.filter(({ verdict, reason }) => verdict === 'left' && /no active group/.test(reason));
  tell({
    id: 'unknown_group',
    level: 'broken',
    title: `${counted(unmarked.length, 'link')} ${unmarked.length === 1 ? 'names' : 'name'} a tracking group that there is not`,
    mend: `Correct data-tracking-group or rel. This site knows ${groups.map(({ name }) => name).join(', ') || 'none'}.`,
  }, unmarked.map(named));

  const lossy = cloaked.filter(({ group, forwards, resolved }) => group && !forwards && !resolved);
  const unclear = lossy.filter(({ reason }) => /whether parameters get through (is not known|was not asked)/.test(reason ?? ''));
  const own = lossy.filter(({ reason }) => /sets \S+ itself/.test(reason ?? ''));
  const drops = lossy.filter((link) => !unclear.includes(link) && !own.includes(link));
  const said = (/** @type {tagwerk.Cloaked[]} */ rows) => rows.map(({ url, reason }) => `${url}: ${reason ?? ''}`);
  tell({
    id: 'redirect_drops',
    level: 'broken',
    title: `${counted(drops.length, 'cloaked link')} lose${drops.length === 1 ? 's' : ''} the click id on the way: sales through ${drops.length === 1 ? 'it' : 'them'} cannot be told from others`,
    mend: 'Switch on in the redirect plugin that it passes query parameters on. Or set autoscan.use_resolved, by which the offer\'s own address takes the link\'s place; or link to the offer directly.',
  }, said(drops));
  tell({
    id: 'redirect_sub_id',
    level: 'look',
    title: `${counted(own.length, 'cloaked link')} ${own.length === 1 ? 'has' : 'have'} a sub-id of the redirect's own, which is kept`,
    mend: 'Remove it from the redirect\'s target, or set existing_subid to replace.',
  }, said(own));
  tell({
    id: 'redirect_unknown',
    level: 'look',
    title: `Of ${counted(unclear.length, 'cloaked link')} it is not known whether the click id gets through`,
    mend: 'The server could not follow the link to its end. It tries again by itself; a blocker of robots on the way has to let the server through.',
  }, said(unclear));

  const foreign = links.filter(({ verdict }) => verdict === 'foreign');
  tell({
    id: 'foreign_sub_id',
    level: 'look',
    title: `${counted(foreign.length, 'link')} keep${foreign.length === 1 ? 's' : ''} somebody else's sub-id`,
    mend: 'Clicks on them are counted, but their sales do not carry our id. If the sub-ids are leftovers of your own, remove them, or set existing_subid to replace.',
  }, foreign.map(named));

  const visit = report.visit_id ?? '';
  const strange = links.filter((link) => link.verdict === 'will_be_decorated' && idIn(link, groups) && !(visit && idIn(link, groups).startsWith(visit)));
  tell({
    id: 'saved_ids',
    level: 'look',
    title: `${counted(strange.length, 'link')} ${strange.length === 1 ? 'was' : 'were'} published with the click id of another visit`,
    mend: 'A page was saved from the browser, or is kept by a cache, with its links already decorated. The tag replaces such ids, but without it all sales would go to that one visit: publish the links as the network gives them.',
  }, strange.map(named));

  const lost = overwritten(scene);
  tell({
    id: 'overwritten',
    level: 'look',
    title: `Another script has taken the click id out of ${counted(lost.length, 'link')}`,
    mend: 'The tag puts it back when the link is used, unless that script acts at the click itself. Find the script that sets href (link managers, geo-targeting, A/B tests) and let it run before the tag, or have it call tagwerk(\'decorate\', url).',
  }, lost.map(named));

  const hidden = page.hidden.filter(({ href }) => isNetworks(href, groups));
  tell({
    id: 'hidden_links',
    level: 'broken',
    title: `${counted(hidden.length, 'link')} of a network ${hidden.length === 1 ? 'is' : 'are'} in a closed shadow root, where the tag cannot see ${hidden.length === 1 ? 'it' : 'them'}`,
    mend: 'Whoever makes that element has to open its shadow root, or to call tagwerk(\'decorate\', url) for its links.',
  }, hidden.map(({ text, href }) => (text ? `${text}: ${href}` : href)));

  const bare = others.filter(({ tag }) => tag.state !== 'loaded').map(({ page }) => ({ page, links: page.links.filter((link) => isNetworks(link, groups)) })).filter(({ links }) => links.length > 0);
  tell({
    id: 'frame_links',
    level: 'broken',
    title: `${counted(bare.flatMap(({ links }) => links).length, 'link')} of a network ${bare.flatMap(({ links }) => links).length === 1 ? 'is' : 'are'} in a frame without the tag`,
    mend: 'A page in a frame needs the tag of its own: put the line into it, too.',
  }, bare.flatMap(({ page, links }) => links.map((link) => `${link} in ${page.address}`)));

  const offers = page.frames.filter(({ address }) => isNetworks(address, groups) && !groups.some(({ sub_id }) => new URL(address).searchParams.has(sub_id)));
  tell({
    id: 'frame_offer',
    level: 'broken',
    title: 'An offer is shown in a frame, without a click id',
    mend: 'The tag does not change addresses of frames. Have the page set it: frame.src = tagwerk(\'decorate\', url). Or link to the offer.',
  }, offers.map(({ address }) => address));
  return found;
}

/**
 * Links that had an id and have none any more. The tag decorates the first links of a page by itself and looks again whenever
 * some are inserted, but not when one is changed: so one that has no id, while an id was handed out that stands nowhere, was
 * changed by somebody.
 * @param {Scene} scene
 */
function overwritten({ frame, report }) {
  const { minted, mode, consent } = report ?? {};
  if (!report || !minted || mode !== 'wasm' || consent !== 'granted' || minted.length >= MOST_EAGER) return [];
  const nowhere = minted.filter((id) => !report.links.some(({ href, click_id }) => click_id === id || href.includes(id)));
  if (nowhere.length === 0) return [];
  return report.links.filter(({ kind, verdict, reason }, at) => kind === 'link' && verdict === 'will_be_decorated' && !/cloaked/.test(reason) && !frame.places[at]?.inShadow);
}

// @ts-check
// What is shown of a tab, part by part.
import { draw, facts, moment, pill, quoted, section } from './draw.js';

/** @typedef {import('./seen').Frame} Frame */
/** @typedef {(frameId: number, index: number | null, scroll: boolean) => void} Point */

const VERDICTS = /** @type {const} */ ({
  decorated: ['tagged', 'good'],
  will_be_decorated: ['tagged at use', 'good'],
  foreign: ['foreign sub-id', 'wait'],
  left: ['left alone', 'calm'],
});
const STATES = /** @type {const} */ ({
  delivered: ['on the server', 'good'],
  in_flight: ['on its way', 'calm'],
  held: ['waits for consent', 'wait'],
  waiting: ['waits, of an earlier page', 'wait'],
  failed: ['failed, sent again later', 'bad'],
  refused: ['refused', 'bad'],
});
const CONSENT = /** @type {const} */ ({ granted: 'good', pending: 'wait', denied: 'calm' });

/** @param {import('./seen').Problem[]} found @param {(text: string) => void} copy */
export function problemCards(found, copy) {
  if (found.length === 0) return null;
  return draw('ul', { class: 'problems' }, ...found.map(({ id, level, title, mend, code, about }) =>
    draw('li', { class: level, 'data-problem': id },
      draw('h2', {}, level === 'broken' ? pill('broken', 'bad') : pill('look', 'wait'), ' ', title),
      draw('p', {}, mend),
      code ? draw('p', { class: 'code' }, draw('code', {}, code), draw('button', { type: 'button', class: 'small', onclick: () => copy(code) }, 'Copy')) : null,
      about && about.length === 1 ? draw('p', {}, quoted(about[0] ?? '', 'address')) : null,
      about && about.length > 1 ? draw('details', {}, draw('summary', {}, `Which ${about.length}`), draw('ul', { class: 'plain' }, ...about.map((line) => draw('li', {}, quoted(line, 'address'))))) : null)));
}

/** @param {Frame} frame */
export function tagSection({ tag, page }) {
  const { report } = tag;
  if (!report) return null;
  const { server, settings, consent } = report;
  const ahead = server?.clock_ahead;
  return section('The tag', '', true, facts([
    ['Site', [quoted(report.site_id || 'not known', 'mono'), ' at ', quoted(server?.origin || 'a server that is not known')]],
    ['Works by', report.mode === 'wasm' ? 'WebAssembly' : 'its first part alone'],
    ['Version', report.version ?? 'not known'],
    ['Consent', [consent ? pill(consent, CONSENT[consent]) : 'not known', settings ? ` mode ${settings.consent}${settings.decorate_without ? '; links are tagged without it, too' : ''}` : '']],
    ['Clock', ahead === null || ahead === undefined ? 'the server\'s is not known' : Math.abs(ahead) < 5000 ? 'as the server\'s' : `${Math.round(ahead / 1000)} s ahead of the server's`],
    ...(tag.automated ? [/** @type {[string, string]} */ (['Visitor', 'a program drives this browser: the visit is marked as a bot\'s'])] : []),
    ...(tag.gpc ? [/** @type {[string, string]} */ (['Signal', 'this browser refuses by Global Privacy Control'])] : []),
    ['Page', quoted(page.address, 'address')],
  ]));
}

/** @param {Record<string, string>} values */
const values = (values) => draw('ul', { class: 'values' }, ...Object.entries(values).map(([name, value]) => draw('li', {}, draw('span', { class: 'name' }, name), ' ', quoted(value, 'mono'))));

/** @param {tagwerk.Arrival | null} arrival */
const arrivalOf = (arrival) =>
  arrival ? [moment(arrival.at), ' ', quoted(arrival.page, 'address'), arrival.referrer ? draw('span', {}, ' from ', quoted(arrival.referrer, 'address')) : null] : 'none';

/** @param {Frame} frame */
export function visitSection({ tag: { report } }) {
  if (!report) return null;
  const { source } = report;
  const isKnown = Object.keys({ ...source.utm, ...source.click_ids }).length > 0;
  return section('This visit', '', false, facts([
    ['Visit', report.visit_id ? quoted(report.visit_id, 'mono') : 'none yet'],
    ['Source', isKnown ? values({ ...source.utm, ...source.click_ids }) : source.referrer ? 'the referrer alone' : 'none: came directly'],
    ['Referrer', source.referrer ? quoted(source.referrer, 'address') : 'none'],
    ['Landed', arrivalOf(source.landing)],
    ['First touch', arrivalOf(source.first)],
    ['Last touch', arrivalOf(source.last)],
  ]));
}

/** @param {Frame} frame @param {Point} point @param {boolean} isTop */
export function linkSection({ tag: { report }, frameId, places, page }, point, isTop) {
  if (!report || (!isTop && report.links.length === 0)) return null;
  const tagged = report.links.filter(({ verdict }) => verdict === 'decorated' || verdict === 'will_be_decorated').length;
  const rows = report.links.map(({ verdict, kind, text, href, group, reason }, index) => {
    const [word, mood] = VERDICTS[verdict];
    const show = () => point(frameId, index, false);
    const hide = () => point(frameId, null, false);
    return draw('li', {}, draw('button', { type: 'button', class: 'link', 'data-verdict': verdict, onpointerenter: show, onfocus: show, onpointerleave: hide, onblur: hide, onclick: () => point(frameId, index, true) },
      draw('span', { class: 'head' }, pill(word, mood), quoted(text || (kind === 'form' ? 'a form' : 'no text'), 'text'), group ? draw('span', { class: 'group' }, group) : null),
      quoted(href, 'address'),
      draw('span', { class: 'reason' }, reason, places[index]?.shown === false ? '; it is not visible in the page' : '')));
  });
  const none = report.mode === 'shim' ? 'Links are not judged where WebAssembly does not run.' : 'No link of a network is on this page.';
  return section(isTop ? 'Links' : `Links in the frame ${page.address}`, `${tagged} of ${report.links.length} tagged`, true,
    rows.length > 0 ? draw('ol', { class: 'rows' }, ...rows) : draw('p', { class: 'none' }, none));
}

/** @param {Frame} frame */
export function redirectSection({ tag: { report } }) {
  if (!report) return null;
  const followed = report.cloaked.filter(({ group }) => group);
  const rows = followed.map(({ url, group, forwards, resolved, reason }) =>
    draw('li', {}, draw('span', { class: 'head' }, forwards ? pill('id arrives', 'good') : resolved ? pill('replaced', 'good') : pill('id lost', 'bad'), draw('span', { class: 'group' }, group ?? '')),
      quoted(url, 'address'), resolved ? draw('span', { class: 'reason' }, 'becomes ', quoted(resolved, 'address')) : null, draw('span', { class: 'reason' }, reason ?? '')));
  const rest = report.cloaked.length - followed.length;
  const hosts = report.settings?.scan_hosts;
  const none = hosts && hosts.length === 0 ? 'AutoScan is off for this site. Switch it on, or have a single link followed in the dashboard under Connect: this extension asks nobody.' : 'AutoScan has said of no link here that it leads to a network.';
  return section('Redirects', rows.length > 0 ? `${followed.filter(({ forwards }) => forwards).length} of ${rows.length} pass the id on` : '', rows.length > 0,
    rows.length > 0 ? draw('ol', { class: 'rows' }, ...rows) : draw('p', { class: 'none' }, none),
    rest > 0 ? draw('p', { class: 'none' }, `${rest} more lead to no network.`) : null);
}

/** @param {Frame} frame */
export function eventSection({ tag: { report } }) {
  if (!report) return null;
  const rows = report.events.map(({ name, at, state, status, label, href, event_id }) => {
    const [word, mood] = STATES[state];
    return draw('li', {}, draw('span', { class: 'head' }, pill(word, mood), draw('strong', {}, quoted(name)), moment(at), status ? draw('span', { class: 'group' }, `answer ${status}`) : null),
      label || href ? draw('span', { class: 'reason' }, label ? quoted(label) : null, label && href ? ' ' : null, href ? quoted(href, 'address') : null) : null,
      quoted(event_id, 'mono small'));
  });
  return section('Events', String(rows.length), false, rows.length > 0 ? draw('ol', { class: 'rows' }, ...rows) : draw('p', { class: 'none' }, 'Nothing was reported on this page.'));
}

/** What was handed to a pixel by the tag: events of this page load, under their ids. @param {Frame} frame @param {string} name @param {string[]} events */
const handedOn = ({ tag: { report } }, name, events) =>
  (report?.events ?? []).filter((event) => (event.state === 'delivered' || event.state === 'in_flight' || event.state === 'failed') && event.name !== 'PageView' && (events.includes('*') || events.includes(event.name)));

/** @param {Frame} frame */
export function pixelSection(frame) {
  const { report, pixels } = frame.tag;
  const fed = report?.pixels ?? [];
  const names = [...new Set([...fed.map(({ function: name }) => name), ...pixels.filter(({ found }) => found).map(({ function: name }) => name)])];
  const rows = names.map((name) => {
    const row = fed.find((pixel) => pixel.function === name);
    const told = pixels.find((pixel) => pixel.function === name);
    const events = row?.switched_on && row.found ? handedOn(frame, name, row.events) : [];
    const entries = told?.entries ?? [];
    return draw('li', {},
      draw('span', { class: 'head' }, told?.found || row?.found ? pill('in the page', 'good') : pill('missing', 'bad'), draw('strong', {}, quoted(name)), draw('span', { class: 'group' }, (told?.platforms ?? row?.platforms ?? []).join(', '))),
      draw('span', { class: 'reason' }, row?.switched_on ? `The site feeds it: ${row.events.map((event) => (event === '*' ? 'every other event' : event)).join(', ')}.` : report ? 'The site does not feed it.' : 'There is no tag to feed it.'),
      events.length > 0 ? draw('span', { class: 'reason' }, `The tag told it: ${events.map((event) => event.name).join(', ')}.`) : null,
      entries.length > 0 ? draw('details', {}, draw('summary', {}, `Its queue, latest ${entries.length}`), draw('ul', { class: 'plain' }, ...entries.map((entry) => draw('li', { class: report?.events.some(({ event_id }) => entry.includes(event_id)) ? 'ours' : '' }, quoted(entry, 'mono'))))) : null);
  });
  return section('Pixels', String(rows.length), false, rows.length > 0 ? draw('ol', { class: 'rows' }, ...rows) : draw('p', { class: 'none' }, 'No ad platform\'s function is in this page.'));
}

/** @param {Frame} top @param {Frame[]} inner */
export function frameSection(top, inner) {
  const blind = top.page.frames.filter(({ address }) => address && !inner.some(({ page }) => page.address.split('#')[0] === address.split('#')[0]));
  if (inner.length + blind.length === 0) return null;
  const rows = [
    ...inner.map(({ page, tag }) => draw('li', {}, draw('span', { class: 'head' }, tag.state === 'loaded' ? pill('has the tag', 'good') : pill('no tag', 'calm')), quoted(page.address, 'address'))),
    ...blind.map(({ address }) => draw('li', {}, draw('span', { class: 'head' }, pill('another site\'s', 'calm')), quoted(address, 'address'))),
  ];
  return section('Frames', String(rows.length), false, draw('ol', { class: 'rows' }, ...rows),
    blind.length > 0 ? draw('p', { class: 'none' }, 'Frames of other sites are not looked into: the button opens this page alone. Open such a page in a tab of its own, and press the button there.') : null);
}

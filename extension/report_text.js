// @ts-check
// The report as a text, for support. Pure. It says no more than what is shown, and less where it could tell about a person:
// ad click ids and parameters of addresses are shortened, the visitor's id and attributes of events are left out.
import { problems } from './problems.js';
import { tagged } from './badge.js';

/** How much of a value is told, and from what length on it is shortened. */
const HEAD = 6;
const LONG = 12;

/** A value of which only the beginning is told. @param {string} value */
export const shortened = (value) => {
  if (value.includes('@') || /%40/i.test(value)) return '…';
  return value.length > LONG ? `${value.slice(0, HEAD)}… (${value.length} characters)` : value;
};

/** An address with its parameters shortened; campaigns are told whole. @param {string} address */
export const shortAddress = (address) =>
  address.replace(/([?&])([^=&#]+)=([^&#]*)/g, (_, mark, name, value) => `${mark}${name}=${/^utm_/i.test(name) && !/@|%40/i.test(value) ? value : shortened(value)}`);

/** @param {number} at */
const time = (at) => new Date(at).toISOString();

/** @param {Record<string, string>} values @param {(value: string) => string} [told] */
const pairs = (values, told = (value) => value) => Object.entries(values).map(([name, value]) => `${name}=${told(value)}`).join(' ') || 'none';

/** @param {tagwerk.Arrival | null} arrival */
const arrivalText = (arrival) =>
  arrival ? `${time(arrival.at)} ${shortAddress(arrival.page)}${arrival.referrer ? ` from ${shortAddress(arrival.referrer)}` : ''}` : 'none';

/** @param {import('./seen').Frame} frame @returns {string[]} */
function frameText({ page, tag, places }) {
  const { report } = tag;
  if (!report) return [`tag: ${tag.state}`];
  const { source, server, settings } = report;
  return [
    `tag: ${tag.state}, ${report.mode}, asked: ${tag.answer}, version ${report.version ?? 'not known'}`,
    `site: ${report.site_id || 'not known'} at ${server?.origin || 'not known'}`,
    `clock: ${server?.clock_ahead == null ? 'not known' : `${Math.round(server.clock_ahead / 1000)} s ahead of the server`}`,
    `consent: ${report.consent ?? 'not known'}${settings ? ` (mode ${settings.consent}, links without: ${settings.decorate_without ? 'yes' : 'no'})` : ''}`,
    `visit: ${report.visit_id ?? 'none'}`,
    `source: ${pairs(source.utm)}; click ids: ${pairs(source.click_ids, shortened)}; referrer: ${source.referrer ? shortAddress(source.referrer) : 'none'}`,
    `landing: ${arrivalText(source.landing)}`,
    `first touch: ${arrivalText(source.first)}`,
    `last touch: ${arrivalText(source.last)}`,
    '',
    `links (${report.links.length})`,
    ...report.links.map(({ kind, verdict, group, text, href, reason }, at) => `- ${verdict} ${kind}${group ? ` of ${group}` : ''}${places[at]?.shown === false ? ', not visible' : ''}: ${text ? `"${text}" ` : ''}${shortAddress(href)} (${reason})`),
    `redirects (${report.cloaked.length})`,
    ...report.cloaked.map(({ url, group, forwards, resolved, reason }) => `- ${url}: ${group ?? 'no network'}, ${forwards ? 'passes the id on' : 'does not pass the id on'}${resolved ? `, replaced by ${shortAddress(resolved)}` : ''} (${reason ?? 'no reason'})`),
    `events (${report.events.length})`,
    ...report.events.map(({ at, name, state, status, event_id }) => `- ${time(at)} ${name} ${state}${status ? ` (${status})` : ''} ${event_id}`),
    `pixels (${report.pixels.length})`,
    ...report.pixels.map(({ function: name, platforms, switched_on, found, events }) => `- ${name}${platforms.length > 0 ? ` (${platforms.join(', ')})` : ''}: ${switched_on ? `hears of ${events.join(', ')}` : 'not switched on'}, ${found ? 'in the page' : 'not in the page'}`),
    ...(report.problems.length > 0 ? ['the tag says', ...report.problems.map((sentence) => `- ${sentence}`)] : []),
    ...(page.violations.length > 0 ? ['refused by the page\'s policy', ...page.violations.map(({ directive, blocked, disposition }) => `- ${directive}: ${shortAddress(blocked)}${disposition === 'report' ? ' (only reported)' : ''}`)] : []),
  ];
}

/**
 * @param {import('./seen').Seen} seen
 * @param {{ version: string, browser: string, at: number }} about The extension's version, the browser, and when.
 */
export function reportText(seen, { version, browser, at }) {
  const found = problems(seen);
  const [top, ...inner] = seen.frames;
  return [
    `Tagwerk Helper ${version}, ${time(at)}`,
    browser,
    `page: ${shortAddress(top.page.address)}`,
    ...(seen.expected ? [`expected: ${seen.expected.address}`] : []),
    `tagged links: ${tagged(seen)}`,
    '',
    `problems (${found.length})`,
    ...found.flatMap(({ id, level, title, mend, about }) => [`- [${level}] ${id}: ${title}`, `  mend: ${mend}`, ...(about ?? []).map((line) => `  · ${shortAddress(line)}`)]),
    '',
    ...frameText(top),
    ...inner.flatMap((frame) => ['', `frame: ${shortAddress(frame.page.address)}`, ...frameText(frame)]),
    ...(top.page.frames.some(({ reachable }) => !reachable) ? ['', 'frames of other sites, not looked into', ...top.page.frames.filter(({ reachable }) => !reachable).map(({ address }) => `- ${shortAddress(address) || 'without an address'}`)] : []),
    '',
  ].join('\n');
}

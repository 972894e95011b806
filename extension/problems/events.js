// @ts-check
// Problems of consent, of events on their way to the server, and of pixels that are to hear of them. Pure.
import { hostOf } from '../tags.js';

/** @typedef {import('../problems').Scene} Scene @typedef {import('../seen').Problem} Problem */

/** What the tag says of an event that it sends all the same. */
export const UNREADABLE = /^an event's line does not read/;

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/**
 * @param {Scene} scene
 * @param {Problem[]} parts What is wrong with the parts of the tag already.
 * @returns {Problem[]}
 */
export function eventProblems({ page, tag, report }, parts) {
  if (!report) return [];
  /** @type {Problem[]} */
  const found = [];
  const { events, consent, settings, server } = report;
  const held = events.filter(({ state }) => state === 'held').length;
  if (consent === 'pending') {
    const waiting = held > 0 ? `; ${counted(held, 'event')} wait` : '';
    found.push({
      id: 'consent_pending',
      level: 'look',
      title: `Nobody has said anything about consent yet: nothing is stored or sent${waiting}`,
      mend: settings?.consent === 'auto'
        ? 'Answer the page\'s banner and look again. If that changes nothing, the banner speaks neither TCF nor Google consent mode where the tag can hear it: have it call tagwerk(\'consent\', \'granted\').'
        : 'Answer the page\'s banner and look again. If that changes nothing, the page does not tell the tag: have the banner call tagwerk(\'consent\', \'granted\') or \'denied\' on every page.',
      code: 'tagwerk(\'consent\', \'granted\')',
    });
  }
  const host = hostOf(page.address);
  const isListed = !server || server.hosts.length === 0 || server.hosts.includes(host);
  if (!isListed && consent !== 'denied') {
    found.push({
      id: 'origin_not_listed',
      level: 'broken',
      title: 'The site does not take events from this page: its origin is not listed',
      mend: `Listed are ${server?.hosts.join(', ')}. Add this one to origins[] in the site's settings.`,
      code: new URL(page.address).origin,
    });
  } else if (!parts.some(({ id }) => id === 'csp_connect')) {
    found.push(...unanswered(events, page.address));
  }
  const refused = [
    ...events.filter(({ state }) => state === 'refused').map(({ name, status }) => `${name}: ${status}`),
    ...report.problems.filter((sentence) => UNREADABLE.test(sentence)),
  ];
  if (refused.length > 0) {
    found.push({
      id: 'event_refused',
      level: 'broken',
      title: `${counted(refused.length, 'event')} cannot be read by the server`,
      mend: 'They are lost: the server does not take them, and they are not sent again. Mostly a name given to tagwerk(\'trigger\') is longer than 64 characters, or empty.',
      about: refused,
    });
  }
  const missing = consent === 'granted' ? report.pixels.filter(({ switched_on, found }) => switched_on && !found) : [];
  if (missing.length > 0) {
    found.push({
      id: 'pixel_missing',
      level: 'look',
      title: `${counted(missing.length, 'pixel')} should hear of events, but ${missing.length === 1 ? 'is' : 'are'} not in the page`,
      mend: 'Put the platform\'s own pixel into the page, or take it out of the site\'s setting pixels[]. A pixel inside a tag manager often has no function in the page: use data_layer then. A consent banner may hold it back, too.',
      about: missing.map(({ function: name, platforms }) => (platforms.length > 0 ? `${name} (${platforms.join(', ')})` : name)),
    });
  }
  if (!tag.storage) {
    found.push({ id: 'no_storage', level: 'look', title: 'This browser lets the page store nothing', mend: 'Nothing is wrong with the page: cookies and site data are blocked here. The tag works from memory, so each page is a visit of its own.' });
  }
  const ahead = server?.clock_ahead ?? 0;
  if (Math.abs(ahead) > 120_000) {
    found.push({
      id: 'clock',
      level: 'look',
      title: `The clocks differ: this device is ${duration(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'} the server`,
      mend: 'Visits and clicks get wrong times. Let this device set its clock by itself; if other devices differ by as much, it is the server\'s ("tagwerk doctor" looks).',
    });
  }
  return found;
}

/** Events that got no answer, or one that says: later. @param {tagwerk.Event[]} events @param {string} address @returns {Problem[]} */
function unanswered(events, address) {
  const failed = events.filter(({ state }) => state === 'failed');
  const [first] = failed;
  if (!first) return [];
  const about = failed.map(({ name, status }) => `${name}: ${status ?? 'no answer'}`);
  if (failed.some(({ status }) => status === 429)) {
    return [{ id: 'too_many', level: 'broken', title: 'The server takes no more events from this address for now (429)', mend: 'Behind a reverse proxy, name it in trusted_proxies: otherwise all visitors count as one.', about }];
  }
  if (failed.some(({ status }) => status !== null && status >= 500)) {
    return [{ id: 'server_trouble', level: 'broken', title: 'The server is in trouble: it did not take events', mend: 'They wait in the browser and are sent again by the next page. Look at the server\'s log, and run "tagwerk doctor" there.', about }];
  }
  return [{
    id: 'event_lost',
    level: 'broken',
    title: `${counted(failed.length, 'event')} got no answer`,
    mend: `An ad blocker knows the path (event_path can be changed), the server is down, or it does not list this page's origin: in origins[], ${new URL(address).origin} has to stand just so, with http or https and with or without www.`,
    about,
  }];
}

/** @param {number} milliseconds */
function duration(milliseconds) {
  const minutes = Math.round(milliseconds / 60_000);
  if (minutes < 120) return counted(minutes, 'minute');
  return minutes < 2880 ? counted(Math.round(minutes / 60), 'hour') : counted(Math.round(minutes / 1440), 'day');
}

// @ts-check
// Problems of the page around the tag, and whatever else the tag itself complains of. Pure.
import { originOf } from '../tags.js';
import { UNREADABLE } from './events.js';

/** @typedef {import('../problems').Scene} Scene @typedef {import('../seen').Problem} Problem */

/**
 * @param {Scene} scene
 * @param {Problem[]} parts What is wrong with the parts of the tag already.
 * @returns {Problem[]}
 */
export function pageProblems({ page, report }, parts) {
  /** @type {Problem[]} */
  const found = [];
  if (page.base && originOf(page.base) !== originOf(page.address)) {
    found.push({
      id: 'base',
      level: 'look',
      title: 'The page\'s <base href> leads to another site: every relative link does, too',
      mend: 'The tag judges links as the browser follows them, so cloaked links like /go/offer lead there. Remove <base>, or let it name this site.',
      about: [page.base],
    });
  }
  if (page.savedFrom) {
    found.push({
      id: 'saved_copy',
      level: 'look',
      title: 'This is a copy of a page, saved from a browser',
      mend: 'A saved copy carries what scripts had done to the page by then. Publish the original.',
      about: [page.savedFrom],
    });
  }
  const said = (report?.problems ?? []).filter((sentence) => !isExplained(sentence, parts));
  if (said.length > 0) {
    found.push({ id: 'said', level: 'look', title: 'The tag itself says that something went wrong', mend: 'docs/tag.md explains it under Troubleshooting.', about: said });
  }
  return found;
}

/** Whether another problem says the same with its mend. @param {string} sentence @param {Problem[]} parts */
function isExplained(sentence, parts) {
  if (/^links are not judged/.test(sentence) || UNREADABLE.test(sentence) || /^the pixel \S+ is switched on/.test(sentence)) return true;
  return parts.length > 0 && /^tagwerk: .*(Error|violates|Refused|Failed|no start)/.test(sentence);
}

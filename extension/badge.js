// @ts-check
// The number on the button. Owner of chrome.action.
import { problems } from './problems.js';

/** How many links carry an id or get one. @param {import('./seen').Seen} seen */
export const tagged = ({ frames }) =>
  frames.flatMap(({ tag }) => tag.report?.links ?? []).filter(({ verdict }) => verdict === 'decorated' || verdict === 'will_be_decorated').length;

/**
 * What the badge says: how many problems there are, in red where something is lost and else in amber, or in green how many links
 * are tagged. Of a page that has no tag, and of which nobody said that it should have one, it says nothing. Pure.
 * @param {import('./seen').Seen} seen
 */
export function badge(seen) {
  const found = problems(seen);
  const broken = found.filter(({ level }) => level === 'broken').length;
  if (found.some(({ id, level }) => id === 'no_tag' && level === 'look')) return { text: '', color: '#0b6e5f', title: 'No Tagwerk tag on this page' };
  if (broken > 0) return { text: String(broken), color: '#c92a2a', title: `${broken} broken, see what mends it` };
  if (found.length > 0) return { text: String(found.length), color: '#b35900', title: `${found.length} to look at` };
  return { text: String(tagged(seen)), color: '#0b6e5f', title: `The tag works; ${tagged(seen)} links are tagged` };
}

/** @param {number} tabId @param {import('./seen').Seen} seen */
export async function showBadge(tabId, seen) {
  const { text, color, title } = badge(seen);
  await Promise.all([
    chrome.action.setBadgeText({ tabId, text }),
    chrome.action.setBadgeBackgroundColor({ tabId, color }),
    chrome.action.setBadgeTextColor({ tabId, color: '#ffffff' }),
    chrome.action.setTitle({ tabId, title }),
  ]);
}

// @ts-check
// The tag's line that somebody said should be in the pages of a host. Owner of chrome.storage; nothing else is ever kept.
import { hostOf } from './tags.js';

/** @param {string} address @returns {Promise<import('./seen').Expected | null>} */
export async function expectedFor(address) {
  const host = hostOf(address);
  const kept = /** @type {Record<string, import('./seen').Expected>} */ (await chrome.storage.local.get(host));
  return kept[host] ?? null;
}

/** Keeps it; nothing lets go of it. @param {string} address @param {import('./seen').Expected | null} expected */
export async function expect(address, expected) {
  const host = hostOf(address);
  await (expected ? chrome.storage.local.set({ [host]: expected }) : chrome.storage.local.remove(host));
}

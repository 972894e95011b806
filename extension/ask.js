// @ts-check
// Looks at a tab: runs the two reading scripts in its documents, and puts together what they say. Owner of chrome.scripting
// as far as it reads.
import { expectedFor } from './expected.js';

/** Why a tab cannot be looked at, in a sentence for whoever looks. */
export class Unseen extends Error {}

/**
 * @param {number} tabId
 * @returns {Promise<import('./seen').Seen>}
 */
export async function ask(tabId) {
  const [pages, tags] = await Promise.all([run(tabId, 'look.js', 'ISOLATED'), run(tabId, 'probe.js', 'MAIN')]);
  /** @type {import('./seen').Frame[]} */
  const frames = [];
  for (const [frameId, page] of pages) {
    const tag = tags.get(frameId);
    if (page && tag) frames.push({ frameId, page, tag, places: tag.report ? await locate(tabId, frameId, tag.report.links) : [] });
  }
  const [top, ...inner] = frames.sort((one, other) => one.frameId - other.frameId);
  if (!top || top.frameId !== 0) throw new Unseen('The page did not answer. Load it again, and press the button once more.');
  return { frames: [top, ...inner], expected: await expectedFor(top.page.address) };
}

/** What a script answers, by frame. @param {number} tabId @param {string} file @param {`${chrome.scripting.ExecutionWorld}`} world */
async function run(tabId, file, world) {
  try {
    const answers = await chrome.scripting.executeScript({ target: { tabId, allFrames: true }, files: [file], world });
    return new Map(answers.map(({ frameId, result }) => [frameId, /** @type {any} */ (result)]));
  } catch (error) {
    const tab = await chrome.tabs.get(tabId).catch(() => undefined);
    throw new Unseen(whyUnseen(tab?.url ?? '', error instanceof Error ? error.message : String(error)));
  }
}

/** Finds the links of a report in its document. @param {number} tabId @param {number} frameId @param {tagwerk.Link[]} links */
async function locate(tabId, frameId, links) {
  /** @param {tagwerk.Link[]} links */
  const func = (links) => /** @type {any} */ (globalThis).tagwerkHelper.locate(links);
  const answers = await chrome.scripting.executeScript({ target: { tabId, frameIds: [frameId] }, func, args: [links] }).catch(() => []);
  return /** @type {import('./seen').Place[]} */ (answers[0]?.result ?? []);
}

/**
 * A browser's refusal, in words. Pure.
 * @param {string} address Where the tab is, as far as that is known.
 * @param {string} refusal
 */
export function whyUnseen(address, refusal) {
  if (/showing error page/i.test(refusal)) return 'This page could not be loaded, so there is nothing to look at. Load it again.';
  if (/gallery|webstore/i.test(refusal) || /^https:\/\/(chromewebstore\.google\.com|chrome\.google\.com\/webstore)/.test(address)) {
    return 'The browser lets no extension look at its own shop. Open one of your pages, and press the button there.';
  }
  if (/^file:/.test(address) || /file:/.test(refusal)) return 'This is a file. Allow access to file URLs in the details of this extension, or put the page on a server.';
  if (/^(chrome|edge|brave|opera|vivaldi|about|devtools|view-source|chrome-extension|chrome-untrusted|chrome-search)/.test(address) || /(chrome|edge|about|devtools|extension):|policy/i.test(refusal)) {
    return 'This is a page of the browser itself, or one that its policy protects: no extension may look at it. Open one of your pages, and press the button there.';
  }
  if (/no tab with id/i.test(refusal)) return 'The tab is gone. Open the page again, and press the button there.';
  return 'This extension may look at a page only when its button is pressed there. Go to the page, and press it again.';
}

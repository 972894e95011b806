// @ts-check
// Points out a link by a style sheet of the user's origin, which is no part of the document: no element, attribute or style
// sheet that the page can see is touched, so nothing that watches the page is woken.

/** @typedef {{ tabId: number, frameId: number, css: string }} Shown */

/** What a selector has drawn around it. @param {string} selector */
const frameOf = (selector) =>
  `${selector}{outline:3px solid #d9480f!important;outline-offset:3px!important;box-shadow:0 0 0 3px #fff,0 0 0 9px rgba(217,72,15,.35)!important}`;

/** One that points out at most one link at a time. */
export class Highlight {
  /** @type {Shown | null} */
  #shown = null;
  /** What was asked for is done in its order. */
  #last = Promise.resolve();

  /** Points out a link of a frame, by its place in that frame's report, and brings it into view if told. @param {number} tabId @param {number} frameId @param {number} index @param {boolean} scroll */
  show(tabId, frameId, index, scroll) {
    return this.#next(async () => {
      await this.#remove();
      /** @param {number} index @param {boolean} scroll */
      const func = (index, scroll) => /** @type {any} */ (globalThis).tagwerkHelper?.point(index, scroll) ?? '';
      const target = { tabId, frameIds: [frameId] };
      const [answer] = await chrome.scripting.executeScript({ target, func, args: [index, scroll] });
      const selector = String(answer?.result ?? '');
      if (!selector) return;
      const css = frameOf(selector);
      await chrome.scripting.insertCSS({ target, css, origin: 'USER' });
      this.#shown = { tabId, frameId, css };
    });
  }

  /** Points out nothing any more. */
  hide() {
    return this.#next(() => this.#remove());
  }

  async #remove() {
    if (!this.#shown) return;
    const { tabId, frameId, css } = this.#shown;
    this.#shown = null;
    await chrome.scripting.removeCSS({ target: { tabId, frameIds: [frameId] }, css, origin: 'USER' });
  }

  /** A page that is gone or has gone elsewhere has nothing to point out. @param {() => Promise<void>} step */
  #next(step) {
    this.#last = this.#last.then(step).catch(() => {});
    return this.#last;
  }
}

// axe in a page: every rule of WCAG 2.2 A and AA, and what is good practice besides.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** All of it. */
export const RULES = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'] };
/** What another theme of the same page can change. */
export const COLOURS = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] };

/** What axe finds wrong by these rules, in a line for each element. */
export async function judged(page, runOnly = RULES) {
  // By the driver, which the page's policy does not bind: nothing of it is in the page as served.
  await page.evaluate(`window.axe || (() => { ${AXE}; window.axe = axe; })()`);
  return page.evaluate(async (runOnly) => {
    const { violations } = await window.axe.run({ runOnly, resultTypes: ['violations'] });
    return violations.flatMap(({ id, help, nodes }) => nodes.slice(0, 3).map(({ html, failureSummary }) => `${id}: ${help}: ${html.slice(0, 160)} ${failureSummary.split('\n')[1]?.trim().slice(0, 160)}`));
  }, runOnly);
}

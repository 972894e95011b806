// @ts-check
// What is wrong with what was seen in a tab, and what mends it. Pure; docs/extension.md lists every problem by its id.
import { eventProblems } from './problems/events.js';
import { linkProblems } from './problems/links.js';
import { partProblems } from './problems/parts.js';
import { pageProblems } from './problems/page.js';
import { absentProblems, scriptProblems } from './problems/script.js';
import { tagScripts } from './tags.js';

/** @typedef {import('./seen').Problem} Problem */

/**
 * One document with all that its problems are found by.
 * @typedef {object} Scene
 * @property {import('./seen').Frame} frame
 * @property {import('./seen').Page} page
 * @property {import('./seen').Tag} tag
 * @property {import('./seen').Report | null} report
 * @property {import('./tags').TagScript[]} scripts
 * @property {import('./seen').Expected | null} expected
 * @property {string} server Origin of the tag's server; empty where it is not known.
 * @property {import('./seen').Frame[]} others The tab's other documents.
 */

/** @param {import('./seen').Frame} frame @param {import('./seen').Seen} seen @returns {Scene} */
function scene(frame, { frames, expected }) {
  const isTop = frame === frames[0];
  const scripts = tagScripts(frame, isTop ? expected : null);
  const { page, tag } = frame;
  const server = tag.report?.server?.origin || scripts.find(({ within }) => within === 'page')?.origin || '';
  return { frame, page, tag, report: tag.report, scripts, expected: isTop ? expected : null, server, others: isTop ? frames.slice(1) : [] };
}

/** Problems of a tag that is at work; what follows from one of its parts is not told again. @param {Scene} scene */
function atWork(scene) {
  const parts = partProblems(scene);
  return [...scriptProblems(scene), ...parts, ...eventProblems(scene, parts), ...linkProblems(scene), ...pageProblems(scene, parts)];
}

/**
 * Everything that is wrong, the worst first. Nothing is told of a frame without a tag but what the page's own tag misses in it.
 * @param {import('./seen').Seen} seen
 * @returns {Problem[]}
 */
export function problems(seen) {
  const [top, ...inner] = seen.frames;
  const main = scene(top, seen);
  const found = top.tag.state === 'loaded' ? atWork(main) : absentProblems(main);
  for (const frame of inner.filter(({ tag }) => tag.state === 'loaded')) {
    for (const problem of atWork(scene(frame, seen))) {
      if (!found.some(({ id, title }) => id === problem.id && title === problem.title)) {
        found.push({ ...problem, title: `In a frame: ${problem.title}`, about: [frame.page.address, ...(problem.about ?? [])] });
      }
    }
  }
  return [...found.filter(({ level }) => level === 'broken'), ...found.filter(({ level }) => level !== 'broken')];
}

// @ts-check
// Makes elements. Whatever a page says becomes text and nothing else.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * @param {string} name
 * @param {Record<string, string | boolean | ((event: Event) => void)>} properties `class`, attributes, and `on…` listeners.
 * @param {...(Child | Child[])} children
 */
export function draw(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== false) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false).map((child) => /** @type {Node | string} */ (child)));
  return element;
}

/** A text of a page's, which may run in another direction. @param {string} text @param {string} [kind] */
export const quoted = (text, kind = '') => draw('bdi', { class: kind }, text);

/** A word with a colour. @param {string} word @param {'good' | 'wait' | 'bad' | 'calm'} mood */
export const pill = (word, mood) => draw('span', { class: `pill ${mood}` }, word);

/** A section that can be closed. @param {string} title @param {string} count @param {boolean} open @param {...(Child | Child[])} children */
export const section = (title, count, open, ...children) =>
  draw('details', { class: 'section', open }, draw('summary', {}, draw('h2', {}, title), count ? draw('span', { class: 'count' }, count) : null), ...children);

/** Names and values, in two columns. @param {[string, Child | Child[]][]} rows */
export const facts = (rows) => draw('dl', {}, ...rows.flatMap(([name, value]) => [draw('dt', {}, name), draw('dd', {}, ...[value].flat())]));

/** A time of day, with the day where it is not today's. @param {number} at */
export const moment = (at) => {
  const then = new Date(at);
  const isToday = then.toDateString() === new Date().toDateString();
  return draw('time', { datetime: then.toISOString() }, isToday ? then.toLocaleTimeString() : then.toLocaleString());
};

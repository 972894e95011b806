// @ts-check
// What the button shows: the popup, and the same in a window of its own, which says by `?tab=` what it looks at.
import { access, change } from './access.js';
import { Unseen, ask } from './ask.js';
import { showBadge } from './badge.js';
import { expect } from './expected.js';
import { problems } from './problems.js';
import { reportText } from './report_text.js';
import { eventSection, frameSection, linkSection, pixelSection, problemCards, redirectSection, tagSection, visitSection } from './sections.js';
import { expectedIn, hostOf } from './tags.js';

/** @param {string} id @returns {any} */
const by = (id) => document.getElementById(id);
const port = chrome.runtime.connect();
/** @type {import('./seen').Seen | null} */
let seen = null;
let tabId = Number(new URLSearchParams(location.search).get('tab'));

/** @param {string} text */
const say = (text) => (by('said').value = text);

/** @param {string} text */
const copy = (text) => navigator.clipboard.writeText(text).then(() => say('Copied.'), () => say('The browser does not let it be copied.'));

/** @type {import('./sections.js').Point} */
const point = (frameId, index, scroll) => port.postMessage(index === null ? null : { tabId, frameId, index, scroll });

/** @param {string} title @param {string} about @param {string} mood */
const head = (title, about, mood) => {
  by('state').textContent = title;
  by('about').textContent = about;
  document.querySelector('header')?.setAttribute('class', mood);
};

/** The state of a page in one line. @param {import('./seen').Seen} seen @param {import('./seen').Problem[]} found */
const headline = ({ frames: [top, ...inner] }, found) => {
  const broken = found.filter(({ level }) => level === 'broken').length;
  if (found.some(({ id }) => id === 'no_tag')) {
    return ['There is no Tagwerk tag on this page', inner.some(({ tag }) => tag.state === 'loaded') ? 'A frame in it has one.' : '', 'wait'];
  }
  const works = top.tag.state === 'loaded';
  const about = [hostOf(top.page.address), top.tag.report?.site_id].filter(Boolean).join(' · ');
  if (broken > 0) return [works ? `The tag is here, and ${broken === 1 ? 'one thing is' : `${broken} things are`} broken` : 'The tag does not work on this page', about, 'bad'];
  if (found.length > 0) return [`The tag works; ${found.length === 1 ? 'one thing' : `${found.length} things`} to look at`, about, 'wait'];
  return ['The tag works', about, 'good'];
};

/** @param {import('./seen').Seen} now */
const show = (now) => {
  const found = problems(now);
  const [top, ...inner] = now.frames;
  const [title = '', about = '', mood = ''] = headline(now, found);
  head(title, about, mood);
  const parts = [
    problemCards(found, copy),
    tagSection(top),
    ...now.frames.map((frame) => linkSection(frame, point, frame === top)),
    redirectSection(top),
    eventSection(top),
    visitSection(top),
    pixelSection(top),
    frameSection(top, inner),
  ];
  by('main').replaceChildren(...parts.filter((part) => part !== null));
  document.querySelectorAll('.host').forEach((place) => (place.textContent = hostOf(top.page.address)));
  by('line').value = now.expected?.address ?? '';
  by('footer').hidden = false;
};

const look = async () => {
  by('main').setAttribute('aria-busy', 'true');
  say('');
  try {
    if (!tabId) tabId = (await chrome.tabs.query({ active: true, currentWindow: true }))[0]?.id ?? 0;
    seen = await ask(tabId);
    show(seen);
    const allowed = /^https?:/.test(seen.frames[0].page.address) ? await access(seen.frames[0].page.address) : 'button';
    by('when').value = allowed;
    await showBadge(tabId, seen);
  } catch (error) {
    head('This page cannot be looked at', error instanceof Unseen ? error.message : String(error), 'wait');
    by('main').replaceChildren();
  }
  by('main').setAttribute('aria-busy', 'false');
};

const about = () => ({ version: chrome.runtime.getManifest().version, browser: navigator.userAgent, at: Date.now() });

by('copy').addEventListener('click', () => seen && copy(reportText(seen, about())));
by('again').addEventListener('click', look);
by('window').addEventListener('click', async () => {
  await chrome.windows.create({ url: chrome.runtime.getURL(`popup.html?tab=${tabId}`), type: 'popup', width: 520, height: 860 });
  window.close();
});
by('window').hidden = Boolean(tabId);
by('expect').addEventListener('submit', async (/** @type {Event} */ event) => {
  event.preventDefault();
  const text = by('line').value.trim();
  const expected = expectedIn(text);
  if (!seen) return;
  if (text && !expected) return say('That is no line of a tag.');
  await expect(seen.frames[0].page.address, expected);
  await look();
  say(expected ? 'Kept.' : 'Nothing is expected any more.');
});
by('when').addEventListener('change', async () => {
  if (seen) by('when').value = await change(seen.frames[0].page.address, by('when').value);
});

await look();

// Today: shows what arrives as it arrives, and keeps the figures up to date. Without it the page shows the latest, and a link to load it again.

const today = document.getElementById('today');
const MOST = 100;
// The figures are asked for again after some seconds, or after twenty times as long as it took to answer.
const FIGURES = 5_000;
const TIMES = 20;
const EVERY = 60_000;
const SAY = 5_000;
const RETRY = 30_000;

function watch() {
  const { live, figures } = today.dataset;
  const feed = document.getElementById('feed');
  const state = today.querySelector('.live-state');
  const button = today.querySelector('.live-pause');
  const said = document.getElementById('said');
  let after = today.dataset.after;
  let source = null;
  let paused = false;
  let counts = {};
  let saying = 0;
  let asking = 0;
  let asked = 0;
  let took = 0;
  let retry = 0;
  // Whether there is more than the page began with: what is older than its last entry is on other pages.
  const full = feed.childElementCount >= Number(today.dataset.most);
  // What was put in place, as it came: the page has been changed since, by charts and whoever opened something.
  const shown = new Map();

  const stand = (text, word) => {
    state.hidden = false;
    state.textContent = text;
    state.dataset.live = word;
  };

  // Not each entry is read out: how many, now and then.
  const say = () => {
    saying = 0;
    const words = Object.entries(counts).map(([word, count]) => `${count} ${word}${count === 1 ? '' : 's'}`);
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    counts = {};
    said.textContent = `${all} new: ${words.join(', ')}`;
  };

  const refresh = async () => {
    asking = 0;
    asked = Date.now();
    try {
      const answer = await fetch(figures, { headers: { accept: 'text/html' } });
      if (!answer.ok || answer.redirected) return;
      took = Date.now() - asked;
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      for (const id of ['health', 'figures']) swap(document.getElementById(id), fresh.getElementById(id));
    } catch {
      // The feed says whether the server is there.
    }
  };

  const swap = (before, now) => {
    if (!before || !now) return;
    const html = now.innerHTML;
    // Nobody's focus is taken away: what is being read or used stays until it is let go of.
    if (shown.get(now.id) === html || before.contains(document.activeElement)) return;
    shown.set(now.id, html);
    for (const open of before.querySelectorAll('details[open][id]')) now.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute('open', '');
    before.replaceWith(now);
    if (now.querySelector('[data-chart]')) document.dispatchEvent(new Event('charts'));
  };

  const refreshSoon = () => {
    if (asking || document.hidden) return;
    asking = setTimeout(refresh, Math.max(0, asked + Math.max(FIGURES, TIMES * took) - Date.now()));
  };

  const take = (html) => {
    const part = document.createElement('template');
    part.innerHTML = html;
    const oldest = feed.childElementCount < MOST && !full ? 0 : Number(feed.lastElementChild?.dataset.at ?? 0);
    const entries = [...part.content.children].filter((entry) => !document.getElementById(entry.id) && Number(entry.dataset.at) >= oldest);
    if (entries.length === 0) return;
    if ('empty' in today.dataset) {
      location.reload();
      return;
    }
    today.querySelector('.feed-empty').hidden = true;
    for (const entry of entries) {
      entry.classList.add('new');
      counts[entry.dataset.word] = (counts[entry.dataset.word] ?? 0) + 1;
    }
    // Newest first: what was received at the same moment stands as it came.
    let before = feed.firstElementChild;
    for (const entry of entries) {
      while (before && Number(before.dataset.at) > Number(entry.dataset.at)) before = before.nextElementSibling;
      feed.insertBefore(entry, before);
    }
    while (feed.childElementCount > MOST && !feed.lastElementChild.contains(document.activeElement)) feed.lastElementChild.remove();
    saying ||= setTimeout(say, SAY);
    refreshSoon();
  };

  const close = () => {
    clearTimeout(retry);
    source?.close();
    source = null;
  };

  const open = () => {
    close();
    if (paused || document.hidden) return;
    stand('Connecting …', 'wait');
    source = new EventSource(`${live}?after=${after}`);
    source.addEventListener('open', () => stand('Live', 'on'));
    source.addEventListener('arrived', (event) => {
      after = event.lastEventId || after;
      take(event.data);
    });
    source.addEventListener('error', () => {
      if (source?.readyState !== EventSource.CLOSED) {
        stand('Connecting …', 'wait');
        return;
      }
      stand('Not live: too many watch, or you are signed out', 'off');
      retry = setTimeout(open, RETRY);
    });
  };

  button.hidden = false;
  button.addEventListener('click', () => {
    paused = !paused;
    button.textContent = paused ? 'Go on' : 'Pause';
    if (paused) {
      close();
      stand('Paused', 'off');
    } else {
      open();
    }
  });
  // A page that nobody sees takes up no connection.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      close();
    } else {
      open();
      refreshSoon();
    }
  });
  setInterval(() => { if (!paused) refreshSoon(); }, EVERY);
  addEventListener('pagehide', close);
  addEventListener('pageshow', (event) => { if (event.persisted) open(); });
  open();
}

if (today && window.EventSource) watch();

// What the dashboard does beyond HTML: copying, and refreshing what came in. Without it the page only lacks the copy buttons.
const said = document.getElementById('said');
const say = (text) => {
  said.textContent = '';
  requestAnimationFrame(() => { said.textContent = text; });
};

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // No clipboard outside https and localhost, or no permission: the old way, and the text stays selected for Ctrl+C.
    const selection = getSelection();
    selection.selectAllChildren(source);
    if (!document.execCommand('copy')) {
      say('Could not copy. The text is selected: press Ctrl+C.');
      return;
    }
  }
  say('Copied');
  button.textContent = 'Copied ✓';
  clearTimeout(button.back);
  button.back = setTimeout(() => { button.textContent = 'Copy'; }, 2000);
}

async function refresh(byHand) {
  const before = document.querySelector('[data-refresh]');
  try {
    const answer = await fetch(location.pathname, { headers: { accept: 'text/html' } });
    if (!answer.ok || answer.redirected) {
      if (byHand) location.reload();
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const after = page.querySelector('[data-refresh]');
    for (const open of before.querySelectorAll('details[open][id]')) {
      after.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute('open', '');
    }
    const changed = after.innerHTML !== before.innerHTML;
    // Nobody's focus is taken away by a refresh that nobody asked for.
    if (changed && (byHand || !before.contains(document.activeElement))) before.innerHTML = after.innerHTML;
    if (byHand) {
      before.querySelector('.refresh')?.focus();
      say(changed ? 'Refreshed' : 'Nothing new');
    }
  } catch {
    if (byHand) say('The server does not answer.');
  }
}

for (const button of document.querySelectorAll('[data-copy]')) button.hidden = false;
document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-copy]');
  if (button) copy(button);
  if (event.target.closest('a.refresh') && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    refresh(true);
  }
});
if (document.querySelector('[data-refresh]')) {
  document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(false); });
}

// What every page of the dashboard does beyond HTML: copying. Without it the page only lacks the copy buttons.
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

for (const button of document.querySelectorAll('[data-copy]')) button.hidden = false;
document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-copy]');
  if (button) copy(button);
});

// Reports: days of one's own are chosen by typing them, and a link to share is copied.
for (const form of document.querySelectorAll('[data-ask]')) {
  const period = form.elements.namedItem('period');
  for (const name of ['from', 'to']) {
    form.elements.namedItem(name).addEventListener('input', () => { period.value = 'days'; });
  }
  // What was left as it usually is needs no word in the address.
  form.addEventListener('formdata', ({ formData }) => {
    if (period.value !== 'days') {
      formData.delete('from');
      formData.delete('to');
    } else {
      formData.delete('period');
    }
    for (const name of new Set(formData.keys())) {
      const told = formData.getAll(name).filter((value) => value !== '');
      formData.delete(name);
      for (const value of told) formData.append(name, value);
    }
    if (!formData.has('value')) formData.delete('filter');
    const choice = form.querySelector('.choose-columns');
    if ('usual' in choice.dataset && !choice.open) formData.delete('column');
  });
}
for (const button of document.querySelectorAll('[data-share]')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = 'Copied ✓';
    } catch {
      button.textContent = 'Copy the address of this page';
    }
  });
}

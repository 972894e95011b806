// Inserts a link a moment after the page has loaded, as shop widgets and comparison boxes do.
addEventListener('load', () => setTimeout(() => {
  const place = document.getElementById('late');
  const box = document.createElement('aside');
  box.className = 'reader-price';
  box.setAttribute('aria-label', 'Reader price');
  const text = document.createElement('p');
  text.append('Our readers get the course with both e-books for €165.19. ');
  const link = document.createElement('a');
  link.className = 'button';
  link.href = place.dataset.href;
  link.textContent = 'Get the reader price';
  box.append(text, link);
  place.append(box);
}, 1200));

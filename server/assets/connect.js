// What is waited for turns green by itself. Without this there is a link to look again.
const INTERVAL = 3000;

function waitFor(place) {
  const items = () => [...place.querySelectorAll('[data-milestone]:not(.done)')];
  const again = place.querySelector('.look-again')?.parentElement;
  let timer;

  const done = (item, { title, said }) => {
    item.classList.remove('waits');
    item.classList.add('done');
    item.querySelector('[data-said]').textContent = said;
    document.getElementById('said').textContent = title;
  };

  const ask = async () => {
    clearTimeout(timer);
    if (document.hidden || !items().length) return;
    try {
      const answer = await fetch(place.dataset.poll, { headers: { accept: 'application/json' } });
      // Signed out, or no such site: asking again would not help.
      if (!answer.ok || answer.redirected) return;
      const { milestones } = await answer.json();
      for (const item of items()) {
        const news = milestones.find((one) => one.id === item.dataset.milestone);
        if (news?.done) done(item, news);
      }
    } catch {
      // The server is away: the next time will tell.
    }
    if (items().length) timer = setTimeout(ask, INTERVAL);
    else if (again) again.hidden = true;
  };

  for (const item of items()) item.classList.add('waits');
  if (again) again.hidden = true;
  document.addEventListener('visibilitychange', ask);
  timer = setTimeout(ask, INTERVAL);
}

for (const place of document.querySelectorAll('[data-poll]')) waitFor(place);

// The pages that the tags are measured on. Pure: addresses and a script's URL in, HTML out.

/** How many links the large page has, how many of them are offers, and how many offers come later in how many frames. */
export const LINKS = 5000;
export const OFFERS = 1000;
export const INSERTED = 2000;
export const FRAMES = 20;

/** The address of an offer. */
export const offer = (number) => `http://www.digistore24.com/redir/${number}/partner/?campaign=bench&pos=${number % 7}`;

// What else a blog links to: itself, others, itself by another name, a place in the page.
const OTHERS = [
  (number) => `/2026/post-${number}/`,
  (number) => `https://en.wikipedia.example/wiki/Article_${number}?action=view`,
  (number) => `http://shop.example/tag/${number % 40}`,
  (number) => `#part-${number}`,
];

const head = (tag) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page with links</title>
<link rel="icon" href="data:,">
${tag}</head>`;

/** The line that brings a script into a page. */
export const scriptLine = (url) => (url ? `<script async src="${url}"></script>` : '');

/**
 * The page of many links. It makes offers ahead, and inserts them a frame at a time. With `hidden` its links
 * take no layout, which would be most of what the browser does.
 */
export function largePage(tag, { hidden = false } = {}) {
  const link = (index) => {
    const href = index % (LINKS / OFFERS) === 0 ? offer(index) : OTHERS[index % OTHERS.length](index);
    return `<p>Paragraph ${index} leads to <a href="${href}" title="Link ${index}">the <b>thing</b> number ${index}</a> as ever.</p>`;
  };
  return `${head(tag)}<body><main${hidden ? ' hidden' : ''}>${Array.from({ length: LINKS }, (_, index) => link(index)).join('\n')}</main>
<script>
// Made ahead, so that the page's own part in inserting them is small.
function makeOffers() {
  return Array.from({ length: ${FRAMES} }, (_, frame) => {
    const box = document.createElement("section");
    box.innerHTML = Array.from({ length: ${INSERTED / FRAMES} }, (_, i) => '<p><a href="${offer(1)}&later=' + frame + "." + i + '">a later offer</a></p>').join("");
    return box;
  });
}
function insertOffers(boxes) {
  return new Promise((done) => {
    const step = () => {
      document.body.append(boxes.pop());
      if (boxes.length) requestAnimationFrame(step);
      else done();
    };
    requestAnimationFrame(step);
  });
}
</script></body></html>`;
}

/** A page of as many offers as are clicked. */
export function smallPage(tag, count) {
  const line = (index) => `<p><a id="offer${index}" href="${offer(index)}">Buy <b>course</b> number ${index}</a></p>`;
  return `${head(tag)}<body style="font-size:10px;line-height:1">${Array.from({ length: count }, (_, index) => line(index)).join('\n')}</body></html>`;
}

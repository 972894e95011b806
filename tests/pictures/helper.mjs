// The helper extension's popup, on a good page and on a broken one. The packed extension is what is pictured: `npm run extension` makes it.
import { startHelper } from '../extension/helper.mjs';
import { BODY, settled, startPages } from '../extension/pages.mjs';

/** A browser that says that it is driven is told as such, and nobody's is. */
const init = () => Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false });

/** Takes the pictures of the extension. */
export async function helper(camera) {
  const pages = await startPages();
  const extension = await startHelper(pages.world);
  try {
    const good = await pages.open(extension.context, { host: 'blog.example', init, query: '?utm_source=google&utm_campaign=spring&gclid=Cj0KCQjw-7RoB2kT9xQ' });
    await settled(good);
    await picture(camera, extension, good, 'helper-good');
    const broken = await pages.open(extension.context, {
      host: 'shop.example',
      init,
      headers: { 'content-security-policy': "script-src 'self' http://t.example; connect-src 'self'" },
    });
    await picture(camera, extension, broken, 'helper-broken', 'csp_connect');
    const odd = await pages.open(extension.context, { host: 'news.example', init, body: `${BODY.replace('/shop"', '/shop?cid=oldtracker7"')}${pages.line}` });
    await settled(odd, { id: false });
    await picture(camera, extension, odd, 'helper-links', 'foreign_sub_id', 'twice');
  } finally {
    await extension.stop();
    await pages.stop();
  }
}

/** The extension's window for a page, as wide as the popup is, once it shows what the picture is to show. */
async function picture(camera, extension, page, name, ...problems) {
  const { view } = await extension.look(page);
  await view.setViewportSize({ width: 440, height: 300 });
  const shown = () => view.locator('[data-problem]').evaluateAll((cards) => cards.map((card) => card.dataset.problem).sort());
  // On a busy machine the page may take too long to say what it sees; a person looks again.
  for (let turn = 0; `${await shown()}` !== `${problems}`; turn += 1) {
    if (turn === 5) throw new Error(`${name} shows ${await shown()}, and not ${problems}`);
    await view.click('#again');
    await view.waitForSelector('main[aria-busy=false]', { state: 'attached' });
  }
  await camera.whole(view, name);
  await view.close();
}

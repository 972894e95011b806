// What a tag costs in a browser. Each measurement opens a context of its own, takes its numbers, and closes it.
import { largePage, offer, smallPage } from './page.mjs';
import { SHOP } from './world.mjs';

/** Clicks in a row in one context; the first of them is the cold one. */
export const CLICKS = 12;
/** Milliseconds for which a page is left alone. */
export const IDLE = 6000;
const CALM = 8;
const PATIENCE = 60_000;
// Some tags keep quiet where the browser calls itself headless.
const AGENT = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

/** A visitor in a context of their own, on a page with the candidate's tag. */
async function visit(browser, world, html) {
  const context = await browser.newContext({ userAgent: AGENT, viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  // Two clocks: the wall's, which is longer on a busy machine, and the thread's own, which does not know of waiting.
  const devtools = await context.newCDPSession(page);
  await devtools.send('Performance.enable', { timeDomain: 'timeTicks' });
  const computing = await context.newCDPSession(page);
  await computing.send('Performance.enable', { timeDomain: 'threadTicks' });
  const asked = [];
  const flying = new Set();
  page.on('request', (request) => {
    flying.add(request);
    if (request.resourceType() !== 'document' && !request.url().startsWith('data:')) asked.push(request.url());
  });
  for (const end of ['requestfinished', 'requestfailed']) page.on(end, (request) => flying.delete(request));
  // An answer to what was reported is seldom read, and then never ends.
  page.on('response', (response) => response.request().method() !== 'GET' && flying.delete(response.request()));

  const read = async (session, wanted) => (await session.send('Performance.getMetrics')).metrics.find(({ name }) => name === wanted).value;
  /** Milliseconds of script so far: of computing, and by the clock on the wall. */
  const script = async () => (await read(computing, 'ScriptDuration')) * 1000;
  const wall = async () => (await read(devtools, 'ScriptDuration')) * 1000;
  const visitor = {
    page,
    asked,
    script,
    wall,
    /** Milliseconds that the main thread has worked, at whatever. */
    task: async () => (await read(computing, 'TaskDuration')) * 1000,
    /** Megabytes of JavaScript's heap that are in use after a collection. */
    async heap() {
      await devtools.send('HeapProfiler.collectGarbage');
      return (await read(devtools, 'JSHeapUsedSize')) / 1e6;
    },
    /** Waits until nothing is on the network and several idle moments in a row found no script at work. */
    async quiet() {
      const deadline = performance.now() + PATIENCE;
      let last = await script();
      for (let calm = 0; calm < CALM; ) {
        // After input, Chromium may grant no idle moment for seconds on a page that has nothing to do.
        await page.evaluate(() => new Promise((done) => requestIdleCallback(() => setTimeout(done), { timeout: 50 })));
        if (performance.now() > deadline) throw new Error(`the page does not come to rest; on the network: ${[...flying].map((request) => request.url()).join(', ') || 'nothing'}`);
        const now = await script();
        calm = flying.size === 0 && now - last < 0.25 ? calm + 1 : 0;
        last = now;
      }
    },
    /** Moves the mouse to an offer; by its place, since Playwright's own ways put listeners of theirs into the page. */
    async point(number) {
      const { x, y, width, height } = await page.locator(`#offer${number}`).boundingBox();
      await page.mouse.move(x + width / 2, y + height / 2);
    },
    close: () => context.close(),
  };
  world.pages.set('/page', html);
  await page.goto(`${SHOP}/page`, { waitUntil: 'load' });
  return visitor;
}

/** The large page: milliseconds of script until it rests, while it rests and while offers come in; heap and requests. */
export async function large(browser, world, { tag }) {
  world.collector = 'answers';
  const visitor = await visit(browser, world, largePage(tag));
  try {
    const { page, script, wall } = visitor;
    await visitor.quiet();
    const [load, loadWall] = [await script(), await wall()];
    const blocking = await page.evaluate(() => performance.getEntriesByType('resource').filter((entry) => entry.renderBlockingStatus === 'blocking').length);
    const before = await wall();
    await new Promise((done) => setTimeout(done, IDLE));
    const idle = (await wall()) - before;
    const requests = visitor.asked.length;
    const heap = await visitor.heap();
    const boxes = await page.evaluateHandle(() => makeOffers());
    await visitor.quiet();
    const [inserting, insertingWall] = [await script(), await wall()];
    await page.evaluate((boxes) => insertOffers(boxes), boxes);
    await visitor.quiet();
    return { load, loadWall, idle, insert: (await script()) - inserting, insertWall: (await wall()) - insertingWall, heap, requests, blocking };
  } finally {
    await visitor.close();
  }
}

/**
 * Milliseconds of all that the main thread does until the large page rests, its links hidden. What promises do, compiling and
 * collecting garbage are in it, and not in the script time.
 */
export async function thread(browser, world, { tag }) {
  world.collector = 'answers';
  const visitor = await visit(browser, world, largePage(tag, { hidden: true }));
  try {
    await visitor.quiet();
    return await visitor.task();
  } finally {
    await visitor.close();
  }
}

/** Real clicks on offers, each on another link: milliseconds in the dispatch of `click`, and of script for the whole gesture. */
export async function clicks(browser, world, { tag }) {
  world.collector = 'answers';
  world.offers = 'stay';
  const visitor = await visit(browser, world, smallPage(tag, CLICKS));
  try {
    const { page, script } = visitor;
    await visitor.quiet();
    const from = world.arrivals.length;
    const gestures = [];
    await browser.startTracing(page, { categories: ['devtools.timeline'] });
    for (let number = 0; number < CLICKS; number++) {
      const since = world.arrivals.length;
      const before = await script();
      await visitor.point(number);
      await page.mouse.down();
      await page.mouse.up();
      await world.offer(since);
      await visitor.quiet();
      gestures.push((await script()) - before);
    }
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
    const handled = listening(traceEvents, 'click');
    const opened = world.arrivals.slice(from).filter(({ url }) => url.startsWith('http://www.digistore24.com/'));
    const plain = new Set(Array.from({ length: CLICKS }, (_, number) => offer(number)));
    const told = world.arrivals.slice(from).filter(({ url, method }) => method !== 'OPTIONS' && /^http:\/\/(peers|t)\.example\//.test(url));
    return {
      cold: handled[0],
      handler: handled.slice(1),
      gesture: gestures.slice(1),
      told: told.length,
      decorated: opened.filter(({ url }) => !plain.has(url)).length,
      clicks: handled.length,
    };
  } finally {
    await visitor.close();
  }
}

/** The thread's milliseconds in listeners, for each event of a type; what the browser itself does then, such as leaving, is not in it. */
function listening(trace, type) {
  const within = (outer) => (one) => one.tid === outer.tid && one.pid === outer.pid && one.ts >= outer.ts && one.ts + one.dur <= outer.ts + outer.dur;
  const calls = trace.filter(({ name, ph }) => name === 'FunctionCall' && ph === 'X');
  const dispatches = trace.filter(({ name, ph, args }) => name === 'EventDispatch' && ph === 'X' && args?.data?.type === type);
  return dispatches.map((dispatch) => calls.filter(within(dispatch)).reduce((sum, { tdur, dur }) => sum + (tdur ?? dur) / 1000, 0));
}

/** Milliseconds from releasing the mouse over an offer to the offer's being asked for. */
export async function leaving(browser, world, { tag }, collector) {
  world.collector = 'answers';
  world.offers = 'open';
  const visitor = await visit(browser, world, smallPage(tag, 1));
  try {
    const { page } = visitor;
    await visitor.quiet();
    world.collector = collector;
    await visitor.point(0);
    await visitor.quiet();
    // While a button is held, Chromium grants no idle moment; two frames are the time a finger takes.
    await page.mouse.down();
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const from = world.arrivals.length;
    const since = performance.now();
    const [{ at }] = await Promise.all([world.offer(from), page.mouse.up()]);
    return at - since;
  } finally {
    await visitor.close();
  }
}

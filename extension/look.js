// @ts-check
// Reads one document from the extension's own world: its scripts, what the browser refused it, what it loaded, its frames.
// It changes nothing there. It also remembers the elements of links, so that they can be pointed out later.
(() => {
  /** Most scripts, links and hidden links that are told of a document. */
  const MOST = 2000;
  /** How long the browser may take to tell what it refused, in milliseconds. */
  const PATIENCE = 300;
  const RUN = /^\s*(|module|(text|application)\/(x-)?(java|ecma)script|text\/(jscript|livescript|javascript1\.[0-5]))\s*$/i;

  /** @param {string} text */
  const absolute = (text) => {
    try {
      return new URL(text, document.baseURI).href;
    } catch {
      return '';
    }
  };

  // --- scripts ----------------------------------------------------------------------------------------------------

  /** Who keeps a script back puts its address into an attribute of their own. @param {Element} element */
  const addressOf = (element) => {
    const names = element.getAttributeNames().filter((name) => name !== 'id' && name !== 'class');
    const own = element.hasAttribute('src') ? 'src' : names.find((name) => /^(https?:)?\/\/\S+$/.test(element.getAttribute(name) ?? ''));
    return own ? { attribute: own, raw: element.getAttribute(own) ?? '' } : null;
  };

  /** @param {Element} element @param {'page' | 'template'} within */
  const scriptOf = (element, within) => {
    const found = addressOf(element);
    if (!found) return [];
    const type = element.getAttribute('type') ?? '';
    // Of an element that a script made, only the property says that it does not hold up the page.
    const async = 'async' in element && Boolean(element.async);
    return [{
      ...found,
      address: absolute(found.raw),
      type,
      runs: RUN.test(type),
      async,
      defer: element.hasAttribute('defer'),
      module: /^\s*module\s*$/i.test(type),
      nomodule: element.hasAttribute('nomodule'),
      integrity: element.hasAttribute('integrity'),
      within,
    }];
  };

  /** Lines in a text that browsers do not run. @param {string | null} text @param {'noscript' | 'comment'} within */
  const written = (text, within) =>
    [...(text ?? '').matchAll(/<script\b[^>]*?\ssrc\s*=\s*["']?([^"'\s>]+)/gi)].map(([, raw = '']) => ({
      attribute: 'src', raw, address: absolute(raw), type: '', runs: true, async: true, defer: false, module: false, nomodule: false, integrity: false, within,
    }));

  const comments = () => {
    const found = [];
    const walker = document.createTreeWalker(document, NodeFilter.SHOW_COMMENT);
    while (walker.nextNode() && found.length < MOST) found.push(walker.currentNode.nodeValue ?? '');
    return found;
  };

  /** @param {string[]} comments */
  const scripts = (comments) => [
    ...[...document.scripts].flatMap((element) => scriptOf(element, 'page')),
    ...[...document.querySelectorAll('noscript')].flatMap((element) => written(element.textContent, 'noscript')),
    ...[...document.querySelectorAll('template')].flatMap(({ content }) => [...content.querySelectorAll('script')].flatMap((element) => scriptOf(element, 'template'))),
    ...comments.flatMap((text) => written(text, 'comment')),
  ].slice(0, MOST);

  // --- what the browser refused, and what was loaded ----------------------------------------------------------------

  /** What happened before anybody looked is kept by the browser for whoever asks for it. @returns {Promise<import('./seen').Violation[]>} */
  const violations = () =>
    new Promise((resolve) => {
      /** @type {Set<string>} */
      const seen = new Set();
      /** @param {Report[]} reports */
      const take = (reports) => reports.forEach((report) => {
        const { effectiveDirective: directive, blockedURL: blocked, disposition } = /** @type {any} */ (report.body);
        seen.add(JSON.stringify({ directive: String(directive), blocked: String(blocked ?? ''), disposition: String(disposition) }));
      });
      try {
        const observer = new ReportingObserver(take, { types: ['csp-violation'], buffered: true });
        observer.observe();
        setTimeout(() => {
          take(observer.takeRecords());
          observer.disconnect();
          resolve([...seen].map((text) => JSON.parse(text)));
        }, PATIENCE);
      } catch {
        resolve([]);
      }
    });

  const resources = () =>
    /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType('resource')).map((entry) => ({
      address: entry.name.slice(0, 2048),
      initiator: entry.initiatorType,
      start: entry.startTime,
      status: entry.responseStatus ?? 0,
      // Of another origin that does not agree to it, nothing is told.
      answered: entry.responseStart > 0,
    }));

  const loadedAt = () => /** @type {PerformanceNavigationTiming | undefined} */ (performance.getEntriesByType('navigation')[0])?.loadEventEnd ?? 0;

  // --- links, and what hides them -------------------------------------------------------------------------------------

  /** @param {Element} element */
  const isLink = (element) => /^(a|area|form)$/i.test(element.localName);
  /** @param {Element} element */
  const addressIn = (element) => element.getAttribute('href') ?? element.getAttribute('xlink:href') ?? element.getAttribute('action');

  /** A text of its own, else what stands in for it; as the tag's report writes it. @param {Element} element */
  const textOf = (element) =>
    [element.textContent, ...['aria-label', 'alt', 'title'].map((name) => element.getAttribute(name))]
      .map((text) => (text ?? '').trim().split(/\s+/).join(' '))
      .find(Boolean)?.slice(0, 120) ?? '';

  /** The shadow root, also one that the page keeps to itself. @param {Element} element */
  const rootOf = (element) => {
    if (!(element instanceof HTMLElement)) return element.shadowRoot;
    try {
      return chrome.dom.openOrClosedShadowRoot(element);
    } catch {
      return element.shadowRoot;
    }
  };

  /**
   * Every link and form, those in a shadow root after their host.
   * @param {Document | ShadowRoot} root @param {boolean} isOpen @param {{ element: Element, isOpen: boolean, isShadow: boolean }[]} found
   */
  const gather = (root, isOpen, found) => {
    for (const element of root.querySelectorAll('*')) {
      if (isLink(element) && addressIn(element) !== null) found.push({ element, isOpen, isShadow: root !== document });
      const inner = rootOf(element);
      if (inner) gather(inner, isOpen && inner === element.shadowRoot, found);
    }
    return found;
  };

  const frames = () =>
    [...document.querySelectorAll('iframe, frame')].slice(0, MOST).map((element) => {
      const frame = /** @type {HTMLIFrameElement} */ (element);
      let reachable = false;
      try {
        reachable = frame.contentDocument !== null;
      } catch {
        // Another origin's.
      }
      return { address: frame.getAttribute('src') ? absolute(frame.getAttribute('src') ?? '').slice(0, 2048) : '', reachable };
    });

  // --- pointing out ---------------------------------------------------------------------------------------------------

  /** @type {(WeakRef<Element> | undefined)[]} */
  let kept = [];

  /** Finds the elements of the report's links. @param {tagwerk.Link[]} links @returns {import('./seen').Place[]} */
  const locate = (links) => {
    const all = gather(document, true, []).filter(({ isOpen }) => isOpen);
    const taken = new Set();
    const places = links.map((link) => {
      const alike = all.filter(({ element }) => !taken.has(element) && (element.localName.toLowerCase() === 'form') === (link.kind === 'form') && textOf(element) === link.text);
      // The tag may have written an id into it since.
      const place = alike.find(({ element }) => addressIn(element) === link.href) ?? alike[0];
      taken.add(place?.element);
      return place;
    });
    kept = places.map((place) => place && new WeakRef(place.element));
    return places.map((place) => ({ found: Boolean(place), shown: Boolean(place && place.element.getClientRects().length > 0), inShadow: Boolean(place?.isShadow) }));
  };

  /** The element that can be named from outside: of one in a shadow root its outermost host. @param {Element} element */
  const outermost = (element) => {
    let at = element;
    for (let root = at.getRootNode(); root instanceof ShadowRoot; root = at.getRootNode()) at = root.host;
    return at;
  };

  /** A selector of that link and no other element; empty where it is gone. @param {number} index @param {boolean} scroll */
  const point = (index, scroll) => {
    const element = kept[index]?.deref();
    if (!element?.isConnected) return '';
    if (scroll) element.scrollIntoView({ block: 'center', behavior: 'instant' });
    const steps = [];
    for (let at = outermost(element), above = at.parentElement; above; at = above, above = at.parentElement) {
      steps.unshift(`:nth-child(${[...above.children].indexOf(at) + 1})`);
    }
    return [':root', ...steps].join('>');
  };

  // Seen by the extension's scripts in this document alone, not by the page.
  Object.assign(globalThis, { tagwerkHelper: { locate, point } });

  const saved = (/** @type {string[]} */ comments) => comments.map((text) => /saved from url=\(\d+\)\s*(\S+)/i.exec(text)?.[1]).find(Boolean) ?? null;

  return violations().then((refused) => {
    const texts = comments();
    const links = gather(document, true, []);
    return {
      address: location.href,
      title: document.title.slice(0, 200),
      complete: document.readyState === 'complete',
      loadedAt: loadedAt(),
      scripts: scripts(texts),
      violations: refused,
      resources: resources(),
      full: performance.getEntriesByType('resource').length >= 250,
      frames: frames(),
      hidden: links.filter(({ isOpen }) => !isOpen).slice(0, MOST).map(({ element }) => ({ href: absolute(addressIn(element) ?? ''), text: textOf(element) })),
      links: links.slice(0, MOST).map(({ element }) => absolute(addressIn(element) ?? '').slice(0, 2048)),
      base: document.querySelector('base[href]') ? document.baseURI : null,
      savedFrom: saved(texts),
    };
  });
})();

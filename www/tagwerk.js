// The shim: the part of the tag that every page gets, complete on its own. It owns the visit, the listeners and the
// clock; what a link is worth is decided by the WebAssembly part once it runs, and by the functions here until then
// and wherever it cannot run. Both follow the rules of protocol/src/link.rs and are held to tests/cases/links.json.
const stub = window.tagwerk || {};
if (!stub.loaded) {

  // The server puts the public part of the site's settings here (protocol/src/settings.rs).
  const text = "%TAGWERK_SETTINGS%";
  const settings = new URLSearchParams(text);
  const setting = (name) => settings.get(name) || "";
  // Each [name, sub-id, hosts, paths].
  const groups = settings.getAll("group").map((group) => group.split("|"));
  const adClicks = setting("clicks").toLowerCase().split(",");

  const MEMORY = "tagwerk";
  const OUTBOX = "tagwerk.outbox";
  const TOKEN = "--CLICK-ID--";
  const VIEW = "PageView";
  const GRANTED = "granted";
  const DENIED = "denied";
  const LONGEST_URL = 4096;

  const automated = navigator.webdriver ? 1 : "";
  const queue = stub.q || [];
  const problems = [];
  let origin = setting("origin");
  let begun = false;
  let agreed = setting("consent") == "none" ? GRANTED : "pending";
  let record; // the visit and whatever else is remembered, as URLSearchParams
  let sourced; // whether the visit's landing tells where it came from
  let left; // lines that earlier pages could not deliver
  let minted = []; // click ids in links of this page load that no click has used yet
  let pending = []; // clicks whose verdict is not known yet
  let held = []; // lines that wait for consent
  let viewed = false; // whether the page view was reported
  let ready = false; // whether the WebAssembly part has come, or is known not to come
  let wasm;
  let loading = false;

  // Runs a step of ours; whatever goes wrong in it never reaches the page and is said once.
  const guard = (step) => {
    try {
      return step();
    } catch (error) {
      note(error);
    }
  };

  const note = (problem) => {
    problem = "tagwerk: " + problem;
    if (!problems.includes(problem)) {
      problems.push(problem);
      console.debug(problem);
    }
  };

  // --- memory ---------------------------------------------------------------------------------------------------

  // Reads a text, or keeps one; an empty one is removed. A page without storage works from memory.
  const memory = (key, text) => {
    try {
      if (text == null) return localStorage[key] || "";
      if (text) localStorage[key] = text;
      else delete localStorage[key];
    } catch (error) {
      return "";
    }
  };

  // --- ids ------------------------------------------------------------------------------------------------------

  const characters = (count) => {
    let id = "";
    while (id.length < count) {
      // 252 is the largest multiple of 36 in a byte: what lies above would favour some characters.
      for (const byte of crypto.getRandomValues(new Uint8Array(count))) {
        if (byte < 252 && id.length < count) id += (byte % 36).toString(36);
      }
    }
    return id;
  };

  const checked = (body) => {
    let h = 0;
    for (const c of body) h = (h * 37 + parseInt(c, 36) + 1) % 1296;
    return body + ((h / 36) | 0).toString(36) + (h % 36).toString(36);
  };

  const mint = () => checked(record.get("visit_id") + characters(14));

  // The click id in lower case, or nothing if it is none.
  const read = (id) => /^[a-z\d]{32}$/i.test(id) && (id = id.toLowerCase()) == checked(id.slice(0, 30)) && id;

  // --- the visit ------------------------------------------------------------------------------------------------

  // What an arrival says about where it came from: [campaign and ad click parameters, another host's name].
  const source = (page, referrer) => {
    let params = "";
    let host = "";
    try {
      const url = new URL(page);
      url.searchParams.forEach((value, name) => {
        name = name.toLowerCase();
        // An empty value and an unexpanded macro say nothing.
        if ((/^utm_/.test(name) || adClicks.includes(name)) && !/^\s*(\{[\w-]+}|__[\w-]+__)?\s*$/.test(value)) {
          params += name + "=" + value + "&";
        }
      });
      const from = new URL(referrer).hostname;
      if (from != url.hostname) host = from;
    } catch (error) {
      // No referrer is the usual case.
    }
    return [params, host];
  };

  // Continues the stored visit if it is less than 30 minutes old, unless this arrival has another source.
  const decide = () => {
    const stored = new URLSearchParams(granted() ? memory(MEMORY) : "");
    const get = (name) => stored.get(name) || "";
    const now = Date.now();
    const page = address();
    const { referrer } = document;
    const own = source(page, referrer);
    let known = source(get("landing_page"), get("landing_referrer"));
    if (!/^\w{16}$/.test(get("visit_id")) || !(now - get("seen") < 18e5) || (own[0] ? own[0] != known[0] : own[1] && own[1] != known[1])) {
      // A visit that began before consent was given goes on as it is.
      stored.set("visit_id", record ? record.get("visit_id") : characters(16));
      stored.set("landing_at", record ? record.get("landing_at") : now);
      stored.set("landing_page", page);
      stored.set("landing_referrer", referrer.slice(0, LONGEST_URL));
      known = own;
    }
    sourced = known[0] || known[1] ? 1 : "";
    stored.set("seen", now);
    record = stored;
    keep();
  };

  const keep = () => granted() && memory(MEMORY, record);

  const granted = () => agreed == GRANTED;

  // Whatever is not a yes is a no.
  const consent = (state) => {
    settle();
    if (state != GRANTED) state = DENIED;
    const changed = state != agreed;
    agreed = state;
    if (!granted()) {
      held = [];
      memory(MEMORY, "");
      memory(OUTBOX, "");
    } else if (changed) {
      left = memory(OUTBOX);
      decide();
      minted = []; // the visit may be another one now
      held.splice(0).forEach(send);
    }
    if (wasm) enter(wasm);
    if (ready) report();
  };

  // --- events ---------------------------------------------------------------------------------------------------

  const address = () => location.href.slice(0, LONGEST_URL);

  // One event as a line (protocol/src/event.rs). The record's fields are named as on the wire.
  const line = (event_id, name, more) =>
    new URLSearchParams({ event_id, name, at: Date.now(), page: address(), automated, ...more }) + "&" + record;

  // Sends an event and answers its id, which is a click id.
  const emit = (name, more) => {
    let sent;
    if (wasm) sent = call("command", "event", name, address(), "" + new URLSearchParams(more));
    else {
      const id = mint();
      sent = line(id, name, name == VIEW ? more : { click_id: id, ...more });
    }
    send(sent);
    return sent.slice(9, 41);
  };

  const lines = (text) => (text || "").split("\n").filter(Boolean);

  const send = (line) => {
    if (granted()) {
      const kept = lines(memory(OUTBOX)).concat(line).slice(-50);
      while (kept.join().length > 32e3) kept.shift();
      memory(OUTBOX, kept.join("\n"));
      post(line);
    } else if (agreed != DENIED) {
      held = held.concat(line).slice(-50);
    }
  };

  // Posts lines; they leave the outbox once the server has answered for good.
  const post = (body) => {
    const url = origin + setting("event");
    try {
      fetch(url, {
        method: "POST",
        body,
        keepalive: body.length < 6e4,
        credentials: setting("credentials") ? "include" : "omit",
      }).then(
        (answer) => {
          if (answer.status < 500 && answer.status != 429) {
            const done = lines(body);
            memory(OUTBOX, lines(memory(OUTBOX)).filter((line) => !done.includes(line)).join("\n"));
          }
        },
        () => {}
      );
    } catch (error) {
      navigator.sendBeacon(url, body);
    }
  };

  const view = () => {
    if (granted() && !viewed) {
      viewed = true;
      emit(VIEW);
    }
  };

  // What is due once it is known who does the work: the page view, what earlier pages could not deliver, and the links
  // that are in the page.
  const report = () => {
    view();
    if (granted() && left) post(left);
    left = "";
    if (wasm) wasm.sweep(() => guard(() => call("scan")));
  };

  // --- links ----------------------------------------------------------------------------------------------------

  const decorates = () => granted() || setting("decorate_without");

  // What to do with a link: { id, href, group, foreign }, or nothing where it is left alone.
  const plan = (href, link) => {
    href = href.replace(/^[\0- ]+|[\0- ]+$/g, "");
    if (href[0] == "#" || !decorates()) return;
    let url;
    try {
      url = new URL(href, document.baseURI);
    } catch (error) {
      return;
    }
    if (!/^https?:$/.test(url.protocol)) return;

    const named = (name) => groups.find((group) => group[0].toLowerCase() == name.toLowerCase());
    const attribute = (name) => (link && link.getAttribute(name)) || "";
    const host = "." + url.hostname.replace(/\.$/, "");
    const path = url.pathname;
    const group =
      named(attribute("data-tracking-group").trim()) ||
      attribute("rel").split(/\s+/).map(named).find(Boolean) ||
      groups.find(
        ([, , hosts, paths]) =>
          hosts.split(",").some((known) => host.endsWith("." + known)) &&
          (!paths || paths.split(",").some((prefix) => prefix == "/" || (path.startsWith(prefix) && /[^/]/.test(path.slice(prefix.length)))))
      );

    const as = (id, foreign) => ({ id, href, group: group ? group[0] : "", foreign: foreign || "" });
    if (!href.includes(TOKEN)) {
      if (!group) {
        const id = href.split(/[?&=#/]/).map(read).find((id) => minted.includes(id));
        return id && as(id);
      }
      // Textual, so that every other byte stays as it is and the fragment stays last.
      const [, before, query, fragment] = /^([^?#]*)\??([^#]*)([^]*)$/.exec(href);
      const parts = query.split("&");
      const places = [];
      for (const i in parts) {
        const [, name, value] = /^([^=]*)=?([^]*)$/.exec(parts[i]);
        if (name != group[1]) continue;
        const id = read(value);
        if (minted.includes(id)) return as(id);
        if (!id && value && setting("existing") != "replace") return as(mint(), 1);
        places.push(i);
      }
      // At the end of the query, whose last part may be empty: an `&` is not doubled.
      if (!places.length) places.push(parts.length - !parts[parts.length - 1]);
      for (const place of places) parts[place] = group[1] + "=" + TOKEN;
      href = before + "?" + parts.join("&") + fragment;
    }
    const id = mint();
    minted.push(id);
    href = href.split(TOKEN).join(id);
    return as(id);
  };

  // The link that an event came through, in open shadow roots too.
  const linkOf = (event) =>
    event.composedPath().find((node) => node.matches && node.matches("a[*|href],area[href]"));

  const label = (link) => link.textContent.replace(/\s+/g, " ").trim().slice(0, 120);

  // What the WebAssembly part's `handle` does, in the shim's hands.
  const handle = (event, link, label) => {
    const name = link.hasAttribute("href") ? "href" : "xlink:href";
    const href = link.getAttribute(name);
    const found = plan(href, link);
    if (!found) return;
    if (found.href != href && !found.foreign) link.setAttribute(name, found.href);
    if (["click", "auxclick"][event.button] == event.type) {
      // The id is this click's from here on: the link gets another one at its next use.
      minted = minted.filter((id) => id != found.id);
      pending.push([event, found, label]);
    }
  };

  // After every other listener has run: a click counts unless its default was prevented.
  const settle = () => {
    if (wasm) lines(call("settle", address())).forEach(send);
    for (const [event, { id, href, group, foreign }, label] of pending.splice(0)) {
      if (!event.defaultPrevented) {
        view();
        send(line(id, "OutboundClick", { click_id: id, group, href, label, how: "early", foreign }));
      } else if (!foreign) minted.push(id);
    }
  };

  const on = (event) =>
    guard(() => {
      const link = linkOf(event);
      if (!link) return;
      const opens = /click/.test(event.type);
      const args = [event, link, opens ? label(link) : ""];
      if (wasm) call("handle", ...args);
      else handle(...args);
      if (opens) setTimeout(() => guard(settle));
    });

  // --- the WebAssembly part -------------------------------------------------------------------------------------

  // Hands over the settings and what is known of this page load; answered with what is to be remembered of the visitor.
  const enter = (glue) => {
    const more = new URLSearchParams({ minted: minted.join(" "), decorates: decorates() ? 1 : "", sourced, automated });
    const visitor = glue.start(text, record + "&" + more);
    if (!visitor) throw "no start";
    new URLSearchParams(visitor).forEach((value, name) => record.set(name, value));
    keep();
    wasm = glue;
  };

  // A trap leaves the module unusable; the shim goes on in its place.
  const call = (name, ...args) => {
    try {
      return wasm[name](...args);
    } catch (error) {
      wasm = 0;
      throw error;
    }
  };

  const load = () => {
    if (loading) return;
    loading = true;
    Promise.all([
      import(origin + setting("glue")),
      fetch(origin + setting("wasm")),
    ])
      .then(([glue, answer]) => glue.load(answer).then(() => enter(glue)))
      .catch(note)
      .then(() => {
        ready = true;
        guard(report);
      });
  };

  // --- commands -------------------------------------------------------------------------------------------------

  const command = (name, subject, more) => {
    if (name == "consent") return consent(subject);
    if (name == "inspect") {
      return Promise.resolve({
        mode: wasm ? "wasm" : "shim",
        ready,
        site_id: setting("site_id"),
        visit_id: record.get("visit_id"),
        consent: agreed,
        problems: problems.slice(),
      });
    }
    if (name == "decorate") {
      subject = "" + subject;
      if (wasm) return call("command", name, subject, document.baseURI, "") || subject;
      const found = plan(subject);
      return found && !found.foreign ? found.href : subject;
    }
    if (name == "trigger") {
      const attributes = {};
      for (const key in more) {
        const value = more[key];
        // An address is not sent in the clear.
        if (value != null && key != "email") attributes["attribute." + key] = typeof value == "object" ? JSON.stringify(value) : value;
      }
      view();
      return emit("" + subject, attributes);
    }
    note("no command " + name);
  };

  const tagwerk = function (name, subject, more) {
    if (!begun) queue.push(arguments);
    else return guard(() => command(name, subject, more));
  };

  const begin = () =>
    guard(() => {
      // Consent that was given or refused before we came counts before anything is read, stored or sent.
      for (const [name, state] of queue) {
        if (name == "consent") agreed = state;
      }
      left = granted() ? memory(OUTBOX) : "";
      decide();
      begun = true;
      if (agreed == DENIED) consent(DENIED);
      for (const type of "pointerover focusin pointerdown keydown contextmenu click auxclick".split(" ")) {
        addEventListener(type, on, { capture: true, passive: true });
      }
      addEventListener("pagehide", () =>
        guard(() => {
          settle();
          view();
          // Another page may have begun a visit of its own meanwhile.
          if (memory(MEMORY).includes(record.get("visit_id"))) {
            record.set("seen", Date.now());
            keep();
          }
        })
      );
      for (const args of queue.splice(0)) if (args[0] != "consent") tagwerk.apply(0, args);
      // After first paint; a page in the background paints nothing, but it loads.
      requestAnimationFrame(() => setTimeout(load));
      if (document.readyState == "complete") setTimeout(load);
      else addEventListener("load", load);
    });

  tagwerk.loaded = true;
  window.tagwerk = tagwerk;
  guard(() => {
    // Only while the script runs does the document know it; a module or a tag manager leaves only its element.
    const own = '[src*="' + setting("site_id") + '"]';
    const current = document.currentScript;
    const script = current && current.matches(own) ? current : document.querySelector("script" + own);
    if (script) origin = new URL(script.src).origin;
  });
  if (document.prerendering) document.addEventListener("prerenderingchange", begin, { once: true });
  else begin();
}

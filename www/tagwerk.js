// The shim: the part of the tag that every page gets, complete on its own. It owns the visit, the clicks on links, storage
// and wire; what a link is worth is decided by the WebAssembly part once it runs, and by `alone` here until then and
// wherever it cannot run. Both follow the rules of protocol/src/link.rs and are held to tests/cases/links.json.
// What needs the browser but not every page (forms, pixels, consent signals, ...) is in www/glue.js.
const stub = window.tagwerk || {};
if (!stub.loaded) {

  // The server puts the public part of the site's settings here (protocol/src/settings.rs).
  const settings = new URLSearchParams("%TAGWERK_SETTINGS%");
  const setting = (name) => settings.get(name) || "";
  // Each [name, sub-id, hosts, paths].
  const groups = settings.getAll("group").map((group) => group.split("|"));
  const own = [location.hostname, ...setting("own").split(",")];
  const telling = RegExp("^(utm_.+|" + setting("clicks").replace(/,/g, "|") + ")$", "i");

  const MEMORY = "tagwerk";
  const OUTBOX = "tagwerk.outbox";
  const TOKEN = "--CLICK-ID--";
  const automated = navigator.webdriver ? 1 : "";
  const queue = stub.q || [];
  const problems = [];
  const told = []; // events of this page, for its pixels: [id, name, fields]
  const answers = []; // what the server answered: [lines, status or nothing]
  const minted = new Map(); // click ids that this page load has put into links, and whether they are used up
  let origin = setting("origin");
  let begun = false;
  // Whether the page or the browser itself said what signals of a consent banner do not change.
  let said = setting("gpc") && navigator.globalPrivacyControl;
  let agreed = said ? "denied" : setting("consent") == "none" ? "granted" : "pending";
  let record; // the visit and whatever else is remembered, as URLSearchParams
  let left; // lines that earlier pages could not deliver
  const pending = []; // clicks whose verdict is not known yet: [event, what is known of the link, label, how]
  const held = []; // events that wait for consent
  let viewed; // the address whose view was reported
  let ready; // whether glue and WebAssembly have come, or are known not to come
  let glue; // what the glue can do
  let wasm; // the WebAssembly part, asked in texts
  let loading; // promise of the mode we work in

  // What may go wrong on any page, and then has no answer.
  const attempt = (step, say) => {
    try {
      return step();
    } catch (error) {
      if (say) say(error);
    }
  };

  // Runs a step of ours; whatever goes wrong in it never reaches the page and is said once.
  const guard = (step) => attempt(step, note);

  const note = (problem) => {
    problem = "tagwerk: " + problem;
    if (!problems.includes(problem)) {
      problems.push(problem);
      attempt(() => console.debug(problem));
    }
  };

  // --- memory ---------------------------------------------------------------------------------------------------

  // Reads a text. A page without storage works from memory.
  const recall = (key) => attempt(() => localStorage[key]) || "";

  // Keeps a text; an empty one is removed.
  const remember = (key, text) => attempt(() => (text ? (localStorage[key] = text) : delete localStorage[key]));

  // What the server's cookie remembers, where the browser has thrown our own memory away.
  const known = () => recall(MEMORY) || attempt(() => /\btagwerk=([^;]*)/.exec(document.cookie)[1]) || "";

  const forget = () => {
    remember(MEMORY);
    remember(OUTBOX);
    if (glue) glue.forget();
  };

  // --- ids ------------------------------------------------------------------------------------------------------

  const characters = (count) => {
    let id = "";
    while (id.length < count) {
      const [byte] = crypto.getRandomValues(new Uint8Array(1));
      // 252 is the largest multiple of 36 in a byte: what lies above would favour some characters.
      if (byte < 252) id += (byte % 36).toString(36);
    }
    return id;
  };

  const checked = (body) => {
    let h = 0;
    for (const c of body) h = (h * 37 + parseInt(c, 36) + 1) % 1296;
    return body + ((h / 36) | 0).toString(36) + (h % 36).toString(36);
  };

  const mint = () => checked(record.get("visit_id") + characters(14));

  // --- the visit ------------------------------------------------------------------------------------------------

  // What this arrival says about where it came from: campaign and ad click parameters, and another host's name.
  const source = () => {
    let params = "";
    let host = "";
    attempt(() => {
      new URLSearchParams(location.search.slice(0, 4096)).forEach((value, name) => {
        // An empty value and an unexpanded macro say nothing.
        if (telling.test(name) && !/^\s*(\{[\w-]+}|__[\w-]+__)?\s*$/.test(value)) params += name + "=" + value + " ";
      });
      host = new URL(document.referrer).hostname;
    });
    return [params, own.includes(host) ? "" : host];
  };

  // Continues the stored visit if it was seen within 30 minutes (on either side of now: a clock may have been ahead), unless
  // this arrival has another source. A page that comes back from the browser's cache does not arrive again.
  const decide = (back) => {
    const stored = new URLSearchParams(granted() ? known() : "");
    const [params, host] = back ? ["", ""] : source();
    const from = "" + stored.get("from");
    if (!stored.get("visit_id") || !((Date.now() - stored.get("seen")) ** 2 < 324e10) || (params ? !from.startsWith(params + " ") : host && !from.endsWith(" " + host))) {
      const begin = {
        visit_id: characters(16),
        landing_at: Date.now(),
        landing_page: address(),
        // No longer than 4096 characters, as Referrer Policy has it.
        landing_referrer: document.referrer,
        from: params + " " + host,
      };
      // A visit that began before consent was given goes on as it is.
      for (const name in begin) stored.set(name, record && !back ? record.get(name) : begin[name]);
    }
    stored.set("seen", Date.now());
    record = stored;
    viewed = "";
    // The visit may be another one now.
    minted.forEach((_, id) => minted.set(id, 1));
    keep();
    if (wasm) enter();
  };

  const keep = () => granted() && remember(MEMORY, "" + record);

  const granted = () => agreed == "granted";

  // What a consent banner says.
  const signal = (state) => said || consent(state);

  // Whatever is not a yes is a no.
  const consent = (state) => {
    settle();
    if (state != "granted") state = "denied";
    const changed = state != agreed;
    agreed = state;
    if (changed) {
      if (granted()) left = recall(OUTBOX);
      // What comes now belongs to no visit that was told of, and what waits is told to nobody.
      else record = held.length = told.length = 0;
      decide();
      held.splice(0).forEach(send);
    }
    if (!granted()) forget();
    if (ready) report();
  };

  // --- events ---------------------------------------------------------------------------------------------------

  const address = () => location.href.slice(0, 4096);

  // Reports one event (protocol/src/event.rs).
  const tell = (event_id, name, more) => {
    send(new URLSearchParams({ event_id, name, at: Date.now(), page: address(), automated, ...more }));
    if (granted()) told.push([event_id, name, more]);
  };

  const lines = (text) => text.match(/.+/g) || [];

  // The record's fields are named as on the wire; whose visit a line that waits belongs to is known when consent is given.
  const send = (line) => {
    if (granted()) {
      line += "&" + record + (glue ? glue.cookies() : "");
      const kept = lines(recall(OUTBOX)).concat(line);
      while (kept.join().length > 32e3) kept.shift();
      remember(OUTBOX, kept.join("\n"));
      post(line);
    } else if (agreed != "denied") {
      held.push(line);
      held.splice(0, held.length - 50);
    }
  };

  // A page may have a `fetch` of its own, which throws.
  const request = async (name, options) => fetch(origin + setting(name), options);

  // Posts lines; they leave the outbox once the server has answered for good.
  const post = (body) => {
    const done = (status) => {
      answers.push([body, status]);
      // The answer may have set the cookie that was just removed.
      if (!granted()) forget();
      else if (!status) navigator.sendBeacon(origin + setting("event"), body);
      else if (status < 500 && status != 429) remember(OUTBOX, lines(recall(OUTBOX)).filter((line) => !body.includes(line)).join("\n"));
    };
    request("event", { method: "POST", body, keepalive: body.length < 6e4, credentials: setting("credentials") })
      .then(({ status }) => done(status), () => done())
      .catch(note);
  };

  const view = () => {
    if (granted() && viewed != location.href) {
      viewed = location.href;
      tell(mint(), "PageView");
    }
  };

  // What is due once it is known who does the work: the page view, what earlier pages could not deliver, and the links
  // that are in the page.
  const report = () => {
    if (agreed == "denied") forget();
    view();
    if (granted() && left) post(left);
    left = "";
    if (wasm) glue.sweep();
  };

  // --- links ----------------------------------------------------------------------------------------------------

  // What to do with a link: { id, href, group, foreign }, or nothing where it is left alone. An id that this page load has
  // put there stays until it is used up; then its place is a token's again, wherever it is.
  const plan = (href, link, opens) => {
    href = href.replace(/^[\0- ]+|[\0- ]+$/g, "");
    const url = href[0] != "#" && (granted() || setting("decorate_without")) && attempt(() => new URL(href, document.baseURI));
    if (!url || !/^https?:$/.test(url.protocol)) return;
    const attribute = (name) => (link && link.getAttribute(name)) || "";
    let mine = "";
    minted.forEach((used, id) => {
      if (used || (opens && pending.find(([, found]) => found.id == id))) href = href.split(id).join(TOKEN);
      else if (href.includes(id)) mine = id;
    });
    const answer = (wasm ? ask : alone)(
      "plan",
      href,
      url.hostname.replace(/\.$/, ""),
      url.pathname,
      attribute("data-tracking-group"),
      attribute("rel"),
      mine
    );
    if (!answer) return;
    const [group, id, next, foreign] = answer.split("\0");
    if (!foreign) minted.set(id);
    return { id, href: next, group, foreign };
  };

  // What the WebAssembly part answers to the same question (src/lib.rs), in the shim's hands.
  const alone = (_, href, host, path, marked, rel, mine) => {
    const named = (name) => groups.find((group) => group[0].toLowerCase() == name.toLowerCase());
    const group =
      named(marked.trim()) ||
      rel.split(/\s+/).map(named).find(Boolean) ||
      groups.find(
        ([, , hosts, paths]) =>
          hosts.split(",").some((known) => ("." + host).endsWith("." + known)) &&
          (!paths || paths.split(",").some((prefix) => prefix == "/" || (path.startsWith(prefix) && /[^/]/.test(path.slice(prefix.length)))))
      );
    const as = (id, foreign) => [group ? group[0] : "", id, href.split(TOKEN).join(id), foreign].join("\0");
    if (!href.includes(TOKEN)) {
      if (mine) return as(mine);
      if (!group) return;
      // Textual, so that every other byte stays as it is and the fragment stays last.
      const [, before, query, fragment] = /^([^?#]*)([^#]*)([^]*)$/.exec(href);
      const place = group[1] + "=" + TOKEN;
      let found; // what stands in the place already: somebody else's sub-id, or one to be replaced
      let next = query.replace(/([?&])([^=&]*)=?([^&]*)/g, (part, mark, name, value) => {
        if (name != group[1]) return part;
        value = value.toLowerCase();
        const ours = !value || (value.length == 32 && value == checked(value.slice(0, 30)));
        found = found > " " ? found : ours || setting("existing") == "replace" ? " " : as(mint(), 1);
        return mark + place;
      });
      if (found > " ") return found;
      // At the end of a query that may be empty or end in `&`, which is not doubled.
      if (!found) next += (/[?&]$/.test(next) ? "" : next ? "&" : "?") + place;
      href = before + next + fragment;
    }
    return as(mint());
  };

  // Decorates a link that is, or may be, used.
  const touch = (link, opens) => {
    const name = link.hasAttribute("href") ? "href" : "xlink:href";
    const href = link.getAttribute(name);
    const found = plan(href, link, opens);
    if (found && found.href != href && !found.foreign) link.setAttribute(name, found.href);
    return found;
  };

  const label = (node) => node.textContent.replace(/\s+/g, " ").trim().slice(0, 120);

  // An event by which a link or form was used; whether it counts is known when every other listener has run.
  const use = (...made) => {
    pending.push(made);
    setTimeout(() => guard(settle));
  };

  // After every other listener has run: a click counts unless its default was prevented. Its id is used up then: the link
  // gets another one at its next use.
  const settle = () => {
    for (const [event, ...made] of pending.splice(0)) {
      if (!event.defaultPrevented) count(...made);
      else if (glue) glue.prevented(made);
    }
  };

  const count = ({ id, href, group, foreign }, label, how) => {
    // What was used up has been counted.
    if (minted.get(id)) return;
    minted.set(id, 1);
    view();
    tell(id, "OutboundClick", { click_id: id, group, href, label, how: wasm ? how : "early", foreign });
  };

  const on = (event) =>
    guard(() => {
      // In open shadow roots too.
      const link = event.composedPath().find((node) => node.matches && node.matches("a[*|href],area[href]"));
      if (!link) return;
      // Where there is no `auxclick`, the middle button clicks.
      const opens = /click/.test(event.type) && event.button < 2;
      const found = touch(link, opens);
      if (found && opens) use(event, found, label(link), glue && glue.how(event));
    });

  // --- glue and WebAssembly -------------------------------------------------------------------------------------

  // A trap leaves the module unusable; the shim goes on in its place.
  const ask = (...question) => {
    try {
      return wasm(question.join("\0"));
    } catch (error) {
      wasm = 0;
      throw error;
    }
  };

  // Hands over the settings and what is known of this page load; answered with what is to be remembered of the visitor.
  const enter = () => {
    const visitor = ask("start", record);
    if (!visitor) throw "no start";
    new URLSearchParams(visitor).forEach((value, name) => record.set(name, value));
    keep();
  };

  const load = () =>
    // Without WebAssembly the glue still has its work.
    (loading = loading || Promise.all([import(origin + setting("glue")), request("wasm").catch(note)])
      .then(([module, answer]) => {
        glue = module.join({ settings, origin, guard, ask, plan, touch, label, pending, use, count, view, granted, decide, consent, signal, mint, minted, held, problems, told, answers, recall });
        return glue.load(answer).then((found) => {
          wasm = found;
          enter();
        });
      })
      .catch((error) => {
        wasm = 0;
        note(error);
      })
      .then(() => {
        ready = 1;
        guard(report);
        return wasm ? "wasm" : "shim";
      }));

  // --- commands -------------------------------------------------------------------------------------------------

  const command = (name, subject, more) => {
    if (name == "consent") {
      said = 1;
      return consent(subject);
    }
    if (name == "ready") return load();
    if (name == "inspect") return load().then((mode) => (glue ? glue.inspect(mode, agreed, record) : { mode, problems }));
    if (name == "decorate") {
      subject = "" + subject;
      const found = plan(subject);
      if (found && glue) glue.prevented([found, "", "script"]);
      return found ? found.href : subject;
    }
    if (name == "trigger") {
      const click_id = mint();
      const fields = { click_id };
      let address;
      for (const key in more) {
        const value = more[key];
        if (key == "email") address = value;
        else if (value != null) fields["attribute." + key] = typeof value == "object" ? JSON.stringify(value) : value;
      }
      const go = () => {
        view();
        tell(click_id, "" + subject, fields);
      };
      // An address is not sent in the clear.
      if (address) load().then(() => glue.hash(address, fields)).then(go, go);
      else go();
      return click_id;
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
        if (name == "consent") {
          agreed = state;
          said = 1;
        }
      }
      left = granted() ? recall(OUTBOX) : "";
      decide();
      begun = true;
      if (said) consent(agreed);
      for (const type of "pointerover focusin pointerdown keydown contextmenu click auxclick".split(" ")) {
        addEventListener(type, on, true);
      }
      addEventListener("pagehide", () =>
        guard(() => {
          settle();
          if (glue) glue.hide();
          view();
          // Another page may have begun a visit of its own meanwhile.
          if (granted() && recall(MEMORY).includes(record.get("visit_id"))) {
            record.set("seen", Date.now());
            keep();
          }
        })
      );
      for (const args of queue.splice(0)) if (args[0] != "consent") tagwerk.apply(0, args);
      // After first paint; a page in the background paints nothing.
      requestAnimationFrame(() => setTimeout(load));
      setTimeout(load, 2e3);
    });

  tagwerk.loaded = true;
  window.tagwerk = tagwerk;
  guard(() => {
    // Only while the script runs does the document know it; a module or a tag manager leaves only its element.
    const script = [document.currentScript, ...document.scripts].find((script) => script && script.src.includes(setting("site_id")));
    if (script) origin = new URL(script.src).origin;
  });
  if (document.prerendering) document.addEventListener("prerenderingchange", begin, { once: true });
  else begin();
}

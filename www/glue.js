// What the shim needs of the browser beyond links and clicks, with or without WebAssembly: forms, windows that a script
// opens, pages that leave by script, addresses that change, the browser's page cache, consent signals, the page's own pixels,
// links that nobody has used yet, and the module itself.
import { ask as answer, initSync } from "../pkg/tagwerk_tag.js";

const TOKEN = "--CLICK-ID--";
/** Most links that are decorated before anybody uses them; most that are looked at for it, in slices; most passes. */
const MOST_EAGER = 20;
const MOST_LOOKED_AT = 1000;
const SLICE = 100;
const MOST_PASSES = 10;
/** Most links that are asked about as possibly cloaked. */
const MOST_SCANNED = 50;
/** How long after a prevented click a page that goes has gone for that click, in milliseconds. */
const LEAVES_WITHIN = 1000;


/** Joins the shim's work; answers what the shim may call. */
export const join = (shim) => {
  const { settings, origin, guard, ask, plan, touch, label, use, count, view, granted, decide, consent, signal, mint } = shim;
  const setting = (name) => settings.get(name) || "";
  const on = (target, type, act) => target.addEventListener(type, (event) => guard(() => act(event)), true);
  const idle = (step) => (window.requestIdleCallback || setTimeout)(() => guard(step));
  const cloaked = [];
  // A page may have something else of that name.
  const navigation = window.navigation && window.navigation.currentEntry && window.navigation;

  // Not by streaming, which some browsers refuse to a page that wraps `fetch`, and which gains nothing at this size.
  const load = async (response) => {
    initSync({ module: await WebAssembly.compile(await response.arrayBuffer()) });
    answer(["rules", setting("existing"), ...settings.getAll("group")].join("\0"));
    return answer;
  };

  // --- how things are opened ------------------------------------------------------------------------------------

  const how = (event) =>
    event.button ? "middle" : !event.isTrusted ? "script" : event.ctrlKey || event.metaKey || event.shiftKey ? "modified"
    // A key's click has no pointer, and but for Firefox's no count (https://github.com/whatwg/html/issues/10346).
    : event.detail && event.pointerType !== "" ? "left" : "keyboard";

  let kept; // what was remembered when the page was left

  // What was made ready to be opened and was not opened by the browser itself: [when, what is known of it, label, how].
  let offered = [];

  const prevented = (made) => {
    // An address given out with somebody else's sub-id cannot be told from any other use of it.
    if (!made[0].foreign || made[2] != "script") offered = [...offered.slice(-9), [Date.now(), ...made]];
  };

  const leave = (is) => {
    // Clicks that the page has prevented by now, though not every listener has run yet.
    shim.pending.filter(([event]) => event.defaultPrevented).forEach((click) => {
      shim.pending.splice(shim.pending.indexOf(click), 1);
      prevented(click.slice(1));
    });
    // A click that was not prevented speaks for itself.
    const gone = offered.filter((made) => is(made) && !shim.pending.some(([, { id }]) => id == made[1].id)).slice(-1);
    if (!gone[0]) return;
    offered = [];
    count(...gone[0].slice(1));
  };

  if (navigation) {
    on(navigation, "navigate", ({ destination: { url } }) => leave(([, { id, href, foreign }]) => url.includes(foreign ? href : id)));
  }

  const hide = () => {
    kept = granted() && shim.recall("tagwerk");
    if (!navigation) leave(([at]) => Date.now() - at < LEAVES_WITHIN);
  };

  const open = window.open;
  guard(() => {
    window.open = function (...args) {
      let found;
      guard(() => {
        found = args[0] && plan("" + args[0], 0, 1);
        if (found) args[0] = found.href;
      });
      const opened = open.apply(this, args);
      // A window that may not know its opener is not handed out.
      if (found && (opened || /no(opener|referrer)/.test(args[2]))) {
        guard(() => count(found, "", "script"));
      }
      return opened;
    };
  });

  // --- forms ----------------------------------------------------------------------------------------------------

  let sending = []; // the form that is being sent, and what is known of it

  // What to do with a form: a GET form's own query is dropped by the browser, so its id goes into the fields.
  const formOf = (form, button) => {
    const of = (name) => (button && button.getAttribute("form" + name)) || form.getAttribute(name) || "";
    const method = of("method");
    if (/^dialog$/i.test(method)) return;
    const gets = !/^post$/i.test(method);
    const action = of("action") || document.URL;
    const found = plan(gets ? action.split(/[?#]/)[0] : action, form, 1);
    if (found) found.gets = gets;
    if (found && !gets && !found.foreign) {
      const own = button && button.getAttribute("formaction") ? [button, "formaction"] : [form, "action"];
      own[0].setAttribute(own[1], found.href);
    }
    // Not by names of the form's, which its fields may have taken.
    const token = [...form].some(({ value }) => ("" + value).includes(TOKEN));
    if (found || !token || !(granted() || setting("decorate_without"))) return found;
    const id = mint();
    shim.minted.set(id);
    return { id, href: action, group: "", foreign: "" };
  };

  const submit = (event) => {
    const found = formOf(event.target, event.submitter);
    sending = [event.target, found];
    const button = event.submitter || event.target;
    if (found) use(event, found, label(button.textContent ? button : { textContent: button.value }), "form");
  };

  // Sent by a script: no listener is asked.
  const scripted = (form) => {
    const found = formOf(form);
    sending = [form, found];
    if (found) prevented([found, label(form), "form"]);
  };
  const send = HTMLFormElement.prototype.submit;
  guard(() => {
    // Chromium and WebKit have read the address by the time they ask for the fields; by the specification it comes after
    // (https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#form-submission-algorithm).
    HTMLFormElement.prototype.submit = function () {
      guard(() => scripted(this));
      return send.apply(this, arguments);
    };
  });

  const formdata = ({ target, formData }) => {
    if (sending[0] != target) scripted(target);
    const [, found] = sending;
    sending = [];
    if (!found) return;
    const entries = [...formData];
    if (entries.some(([, value]) => ("" + value).includes(TOKEN))) {
      entries.forEach(([name]) => formData.delete(name));
      entries.forEach(([name, value]) => formData.append(name, value.split ? value.split(TOKEN).join(found.id) : value));
    }
    const [, sub] = settings.getAll("group").map((group) => group.split("|")).find(([name]) => name == found.group) || [];
    if (!found.gets || !sub) return;
    const present = formData.get(sub);
    // A field of that name is as good as a parameter of a link: somebody else's stays where the site says so.
    if (present) Object.assign(found, plan(found.href.replace(found.id, encodeURIComponent(present)), target));
    if (!found.foreign) formData.set(sub, found.id);
  };

  const roots = new WeakSet();
  const hear = (root) => {
    if (roots.has(root)) return;
    roots.add(root);
    on(root, "submit", submit);
    on(root, "formdata", formdata);
  };
  hear(window);
  // Neither event leaves a shadow root; whoever sends a form in one has been there before.
  for (const type of ["focusin", "pointerdown"]) {
    on(window, type, (event) => event.composedPath().filter((node) => node instanceof ShadowRoot).forEach(hear));
  }

  // --- pages that change or come back ---------------------------------------------------------------------------

  // The page may still be at it.
  const changed = () => setTimeout(() => guard(view));
  guard(() => {
    if (navigation) return on(navigation, "currententrychange", changed);
    on(window, "popstate", changed);
    on(window, "hashchange", changed);
    for (const name of ["pushState", "replaceState"]) {
      const original = history[name];
      history[name] = function () {
        const result = original.apply(this, arguments);
        changed();
        return result;
      };
    }
  });
  on(window, "pageshow", ({ persisted }) => {
    if (!persisted) return;
    // Another page has forgotten meanwhile what was kept: there it was said that nothing may be.
    if (kept && !shim.recall("tagwerk")) return consent();
    offered = [];
    last = "";
    decide(1);
    view();
  });

  // --- consent signals ------------------------------------------------------------------------------------------

  const listen = () => {
    const verdicts = {};
    const say = (who, yes) => {
      verdicts[who] = yes;
      signal(Object.values(verdicts).every(Boolean) ? "granted" : "denied");
    };

    // IAB TCF v2. Purpose 1: store and access information on a device; 7: measure advertising performance.
    const tcf = (wait) => {
      if (window.__tcfapi) {
        __tcfapi("addEventListener", 2, (data, success) =>
          guard(() => {
            // Before these nobody has said anything, whatever the purposes are.
            if (!success || !/^(tcloaded|useractioncomplete)$/.test(data.eventStatus)) return;
            say("tcf", data.gdprApplies === false || (data.purpose.consents[1] && data.purpose.consents[7]));
          })
        );
      } else if (wait < 3e4) setTimeout(() => guard(() => tcf(wait * 2)), wait);
    };
    guard(() => tcf(500));

    // Google consent mode. What regions have defaults of their own is not known here, so that a default is none then.
    const layer = (window.dataLayer = window.dataLayer || []);
    let standard;
    let regional;
    let updated;
    const read = (entry) =>
      guard(() => {
        const { 0: what, 1: kind, 2: state } = entry;
        if (what != "consent" || !state.ad_storage) return;
        const yes = state.ad_storage == "granted";
        if (kind == "update") {
          updated = 1;
          say("google", yes);
        } else if (state.region) regional = 1;
        else standard = yes;
      });
    const judge = () => {
      if (standard && !regional && !updated) say("google", standard);
    };
    layer.forEach(read);
    judge();
    const push = layer.push;
    layer.push = function (...entries) {
      const length = push.apply(this, entries);
      entries.forEach(read);
      // The next entry may be a region's own default.
      setTimeout(() => guard(judge));
      return length;
    };
  };
  if (setting("consent") == "auto") guard(listen);

  // --- cookies and pixels ---------------------------------------------------------------------------------------

  const wanted = RegExp("^(" + setting("cookies").replace(/\*/g, ".*").replace(/,/g, "|") + ")$");
  let last = "";

  // The platforms' cookies, for an event's line; nothing where they stand as the line before told.
  const cookies = () => {
    let found = "";
    guard(() => {
      for (const cookie of document.cookie.split("; ")) {
        const [, name, value] = /^([^=]*)=(.*)$/.exec(cookie) || [];
        if (value && wanted.test(name)) found += "&cookie." + name + "=" + encodeURIComponent(value.slice(0, 1024));
      }
    });
    return found == last ? "" : (last = found);
  };

  const calls = settings.getAll("pixel").map((call) => /^(\S+) (\S+) ([^]*)$/.exec(call));

  // The page's own pixels hear of an event under the id that the server uses.
  const pixels = ([event_id, name, fields]) => {
    if (!fields) return;
    const attribute = (name) => fields["attribute." + name];
    const value = parseFloat(attribute("value"));
    const values = {
      event_id,
      value: isNaN(value) ? undefined : value,
      currency: attribute("currency"),
      transaction_id: attribute("transactionId"),
      label: attribute("label") || fields.label,
      href: fields.href,
      email_sha256: attribute("email_sha256"),
    };
    // A page may give what is no JSON.
    guard(() => (values.items = attribute("items") && JSON.parse(attribute("items"))));
    const done = [];
    for (const [, path, events, template] of calls) {
      guard(() => {
        const theirs = events == "*" ? !done.includes(path) && name : new URLSearchParams(events.replace(/,/g, "&")).get(name);
        if (!theirs) return;
        done.push(path);
        // `queue.push` or `call`: at most one dot.
        const [method, queue] = path.split(".").reverse();
        const owner = queue ? window[queue] : window;
        if (!owner || !owner[method]) return;
        values.event = theirs;
        owner[method](
          ...JSON.parse(template, (_, part) => {
            const [, place] = /^\{(\w+)}$/.exec(part) || [];
            return place ? values[place] : part;
          })
        );
      });
    }
  };
  shim.told.splice(0).forEach(pixels);
  shim.told.push = pixels;

  let answers = shim.answers;
  shim.answers.push = (answer) => (answers = [...answers.slice(-99), answer]);

  const hash = async (email, fields) => {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(email.trim().toLowerCase()));
    fields["attribute.email_sha256"] = [...new Uint8Array(digest)].map((byte) => (byte + 256).toString(16).slice(1)).join("");
  };

  // --- links that nobody has used yet ---------------------------------------------------------------------------

  let eager = MOST_EAGER;
  let passes = MOST_PASSES;
  let observer;
  const asked = new Set();

  const hosts = setting("scan_hosts").split(",");
  const isCandidate = ({ protocol, hostname, pathname, search }) => /^http/.test(protocol) && hosts.includes(hostname) && pathname != "/" && !search;

  // Links that are in the page are decorated in idle slices; what is inserted later asks for another pass, until the share
  // is done. Whatever is left is decorated when it is used.
  const sweep = () => {
    const selector = ask("wanted");
    if (!selector || !passes) return;
    passes--;
    const links = document.links;
    const scans = setting("scan") && granted();
    const scanned = [];
    let at = 0;
    const slice = () => {
      // All are read before one is changed: each change makes the browser count the page's links anew.
      const batch = [];
      for (let link; batch.length < SLICE && at < MOST_LOOKED_AT && (link = links[at]); at++) batch.push(link);
      for (const link of batch) {
        if (eager && link.matches(selector) && touch(link)) eager--;
        if (!scans || !isCandidate(link)) continue;
        const url = link.origin + link.pathname;
        // What the page itself calls an advertisement is asked about before its menus.
        if (!asked.has(url)) scanned[/nofollow|sponsored/.test(link.rel) ? "unshift" : "push"](url);
      }
      if (batch.length == SLICE && (eager || scans)) return idle(slice);
      const urls = [...new Set(scanned)].slice(0, MOST_SCANNED - asked.size);
      if (urls[0] && granted()) scan(urls);
      if (!eager) return;
      observer =
        observer ||
        new MutationObserver(() => {
          observer.disconnect();
          idle(sweep);
        });
      observer.observe(document, { childList: true, subtree: true });
    };
    idle(slice);
  };

  // Asks the server where links lead that may be cloaked.
  const scan = async (urls) => {
    urls.forEach((url) => asked.add(url));
    try {
      const response = await fetch(origin + setting("scan"), { method: "POST", body: urls.join("\n"), credentials: "omit" });
      if (!response.ok) return;
      for (const line of (await response.text()).split("\n").filter(Boolean)) {
        const verdict = new URLSearchParams(line);
        const get = (name) => verdict.get(name) || "";
        const { hostname, pathname } = new URL(get("url"));
        cloaked.push(line);
        if (get("forwards") || get("resolved")) ask("cloaked", hostname, pathname, get("group"), get("resolved"));
      }
      guard(sweep);
    } catch (error) {
      // The links work without.
    }
  };

  // --- what the page may ask ------------------------------------------------------------------------------------

  const inspect = (mode, consent, record) => {
    const facts = {
      mode,
      ready: true,
      consent,
      settings: "" + settings,
      record: "" + record,
      minted: [...shim.minted].flatMap(([id, used]) => (used ? [] : id)),
      sent: answers.flatMap(([body, status]) => body.split("\n").map((line) => [line, status || 0])),
      held: shim.held.map((line) => line + "&" + record),
      outbox: shim.recall("tagwerk.outbox"),
      cloaked,
      origin,
      problems: shim.problems,
    };
    return import(origin + setting("inspect")).then((module) => module.report(facts)).catch(() => facts);
  };

  // The cookie stands on one of the domains above this host, or on this host alone.
  const forget = () =>
    guard(() => {
      last = "";
      location.hostname.split(".").concat("").forEach((_, i, parts) => {
        document.cookie = "tagwerk=;path=/;max-age=0;domain=" + parts.slice(i, -1).join(".");
      });
    });

  return { load, how, prevented, hide, cookies, hash, sweep, forget, inspect };
};

// The report without WebAssembly: the shape of inspect/src/report.rs, without verdicts on links, which need the rules.

// An empty value and an unexpanded macro say nothing (protocol/src/absent.rs).
const present = (value) => !/^\s*(\{[\w-]+}|__[\w-]+__)?\s*$/.test(value);

const fields = (text) => {
  const all = new URLSearchParams(text);
  return (name) => all.get(name) || null;
};

const lines = (text) => text.split("\n").filter(Boolean);

const hostOf = (url) => {
  try {
    return new URL(url).hostname;
  } catch (error) {
    return null;
  }
};

// The record's arrival with that prefix, or nothing.
const arrivalOf = (get, prefix, params) => {
  const page = get(prefix + "page");
  if (!page) return null;
  const arrival = { at: +get(prefix + "at"), page, referrer: get(prefix + "referrer"), utm: {}, click_ids: {} };
  for (const [name, value] of new URLSearchParams(page.split("#")[0].split("?").slice(1).join("?"))) {
    const lower = name.toLowerCase();
    const param = params.find((known) => known.toLowerCase() == lower);
    const [list, key] = /^utm_/.test(lower) ? [arrival.utm, lower] : [arrival.click_ids, param];
    if (key && present(value) && !(key in list)) list[key] = value.trim();
  }
  return arrival;
};

const isSourced = ({ page, referrer, utm, click_ids }) => {
  const from = referrer && hostOf(referrer);
  return Object.keys({ ...utm, ...click_ids }).length > 0 || Boolean(from && from != hostOf(page));
};

const sourceOf = (get, params) => {
  const [landing, first, touch] = ["landing_", "first_", "touch_"].map((prefix) => arrivalOf(get, prefix, params));
  const last = landing && isSourced(landing) ? landing : touch;
  const { utm, click_ids, referrer } = last || { utm: {}, click_ids: {}, referrer: null };
  return { utm, click_ids, referrer, landing, first, last };
};

const stateOf = (status) => {
  if (status == null) return "in_flight";
  if (status >= 200 && status < 300) return "delivered";
  return !status || status == 429 || status >= 500 ? "failed" : "refused";
};

const eventOf = ([line, state, status]) => {
  const get = fields(line);
  const isClick = get("name") == "OutboundClick";
  const attributes = {};
  for (const [name, value] of new URLSearchParams(line)) {
    if (name.startsWith("attribute.")) attributes[name.slice(10)] = value;
  }
  return {
    event_id: get("event_id"),
    name: get("name"),
    at: +get("at"),
    click_id: get("click_id"),
    href: isClick ? get("href") : null,
    label: isClick ? get("label") : null,
    group: isClick ? get("group") : null,
    attributes,
    state,
    status,
  };
};

// What is known best comes last: an event that was sent is still in the outbox until it is answered.
const eventsOf = ({ outbox, held, sent }) => {
  const all = [
    ...lines(outbox).map((line) => [line, +fields(line)("at") >= performance.timeOrigin ? "in_flight" : "waiting", null]),
    ...held.flatMap(lines).map((line) => [line, "held", null]),
    ...sent.flatMap(([text, status]) => lines(text).map((line) => [line, stateOf(status), status || null])),
  ];
  return [...new Map(all.map(eventOf).map((event) => [event.event_id, event])).values()].sort((one, other) => one.at - other.at);
};

const isThere = (path) => {
  try {
    return typeof path.split(".").reduce((value, name) => value[name], window) == "function";
  } catch (error) {
    return false;
  }
};

// Only those that the site feeds: which others there could be is what the WebAssembly part knows.
const pixelsOf = (calls) => {
  const pixels = new Map();
  for (const [name, events] of calls.map((call) => call.split(" "))) {
    const pixel = pixels.get(name) || { function: name, platforms: [], switched_on: true, found: isThere(name), events: [] };
    pixel.events.push(...events.split(",").map((pair) => pair.split("=")[0]));
    pixels.set(name, pixel);
  }
  return [...pixels.values()];
};

const cloakedOf = (line) => {
  const get = fields(line);
  return { url: get("url"), group: get("group"), forwards: get("forwards") == "1", resolved: get("resolved"), reason: get("reason") };
};

const list = (text) => (text || "").split(",").filter(Boolean);

const serverOf = (get, { origin = "", clock_ahead }) => ({
  origin,
  event: origin + (get("event") || ""),
  assets: ["glue", "wasm", "inspect", "inspect_wasm"].map(get).filter(Boolean).map((path) => origin + path),
  hosts: get("credentials") == "include" ? list(get("own")) : [],
  clock_ahead: clock_ahead === undefined ? null : clock_ahead,
});

const settingsOf = (get) => ({
  consent: get("consent") || "none",
  decorate_without: get("decorate_without") == "1",
  gpc: get("gpc") == "1",
  existing: get("existing") == "replace" ? "replace" : "keep",
  scan_hosts: get("scan") ? list(get("scan_hosts")) : [],
});

const groupOf = (text) => {
  const [name, sub_id, hosts, paths] = text.split("|");
  return { name, sub_id, hosts: list(hosts), paths: list(paths) };
};

export const plain = (facts, error) => {
  const settings = new URLSearchParams(facts.settings);
  const record = fields(facts.record);
  return {
    mode: facts.mode,
    ready: facts.ready,
    version: null,
    site_id: settings.get("site_id") || "",
    server: serverOf(fields(facts.settings), facts),
    settings: settingsOf(fields(facts.settings)),
    groups: settings.getAll("group").map(groupOf),
    visit_id: record("visit_id"),
    visitor_id: record("visitor_id"),
    consent: facts.consent,
    source: sourceOf(record, list(settings.get("clicks"))),
    links: [],
    minted: facts.minted,
    events: eventsOf(facts),
    pixels: pixelsOf(settings.getAll("pixel")),
    cloaked: facts.cloaked.flatMap(lines).map(cloakedOf).filter(({ url }) => url),
    problems: [...facts.problems, `links are not judged, since WebAssembly cannot run here: ${error}`],
  };
};

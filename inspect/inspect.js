// What the shim imports when somebody calls `tagwerk('inspect')`: fetches the WebAssembly that reads and judges the page.
// Where that cannot run, the report says all that needs no WebAssembly, and why it says no more.
import { initSync, report as judge } from "../pkg/tagwerk_inspect.js";
import { plain } from "./plain.js";

let loaded;

// How far the visitor's clock is ahead of the server's, in milliseconds; nothing where the answer does not tell.
let ahead;

// The second in which the server answered; what a cache on the way kept says how long it did.
const clock = ({ headers }) => {
  const date = Date.parse(headers.get("date"));
  if (date) ahead = Date.now() - date - (headers.get("age") || 0) * 1000;
};

// Not by streaming, as in www/glue.js. Asked about again where the browser has it: what it kept has the date of then.
const load = async (url) => {
  const answer = await fetch(url, { cache: "no-cache" });
  clock(answer);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  initSync({ module: await WebAssembly.compile(await answer.arrayBuffer()) });
};

export const report = async (facts) => {
  try {
    loaded ||= load(facts.origin + new URLSearchParams(facts.settings).get("inspect_wasm"));
    await loaded;
    return judge({ ...facts, clock_ahead: ahead });
  } catch (error) {
    // The next call may have more luck.
    loaded = undefined;
    return plain({ ...facts, clock_ahead: ahead }, error);
  }
};

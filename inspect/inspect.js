// What the shim imports when somebody calls `tagwerk('inspect')`: fetches the WebAssembly that reads and judges the page.
// Where that cannot run, the report says all that needs no WebAssembly, and why it says no more.
import { initSync, report as judge } from "../pkg/tagwerk_inspect.js";
import { plain } from "./plain.js";

let loaded;

// Not by streaming, as in www/glue.js.
const load = async (url) => {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  initSync({ module: await WebAssembly.compile(await answer.arrayBuffer()) });
};

export const report = async (facts) => {
  try {
    loaded ||= load(facts.origin + new URLSearchParams(facts.settings).get("inspect_wasm"));
    await loaded;
    return judge(facts);
  } catch (error) {
    // The next call may have more luck.
    loaded = undefined;
    return plain(facts, error);
  }
};

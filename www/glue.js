// What the shim needs once there is WebAssembly: the module's exports, without what else wasm-bindgen's glue can do.
import { initSync } from "../pkg/tagwerk_tag.js";

export { command, handle, scan, settle, start } from "../pkg/tagwerk_tag.js";

// Not by streaming, which some browsers refuse to a page that wraps `fetch`, and which gains nothing at this size.
export const load = async (answer) => initSync({ module: await WebAssembly.compile(await answer.arrayBuffer()) });

let observer;
const idle = (step) => (window.requestIdleCallback || setTimeout)(step);

// Links that are in the page are decorated in idle slices; what is inserted later asks for another pass, until `scan`
// says (-1) that its share is done. Whatever is left is decorated when it is used.
export const sweep = (scan) =>
  idle(() => {
    const more = scan();
    if (more > 0) sweep(scan);
    else if (more == 0) {
      observer = observer || new MutationObserver(() => {
        observer.disconnect();
        sweep(scan);
      });
      observer.observe(document, { childList: true, subtree: true });
    }
  });

// What the shim needs of the WebAssembly part, and nothing else of wasm-bindgen's glue: the shim fetches the module itself.
export { command, handle, initSync, scan, settle, start } from "../pkg/tagwerk_tag.js";

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

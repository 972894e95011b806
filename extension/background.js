// @ts-check
// Wiring alone: a window that points out links, and the badge of pages for which that was asked.
import { mayLook } from './access.js';
import { ask } from './ask.js';
import { showBadge } from './badge.js';
import { Highlight } from './highlight.js';

// A port, so that what is pointed out ends with the window that asked for it, however that is closed.
chrome.runtime.onConnect.addListener((port) => {
  const highlight = new Highlight();
  port.onMessage.addListener((message) => {
    if (message) highlight.show(message.tabId, message.frameId, message.index, message.scroll);
    else highlight.hide();
  });
  port.onDisconnect.addListener(() => highlight.hide());
});

chrome.tabs.onUpdated.addListener(async (tabId, { status }, { url }) => {
  // Without the permission for its page, the tab has no address.
  if (status !== 'complete' || !url?.startsWith('http') || !(await mayLook(url))) return;
  await ask(tabId).then((seen) => showBadge(tabId, seen)).catch(() => {});
});

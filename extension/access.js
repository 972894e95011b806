// @ts-check
// On which pages the badge shows without anybody pressing the button: none, unless it is asked for. Owner of
// chrome.permissions.

/** @typedef {'button' | 'site' | 'everywhere'} Access */

const EVERYWHERE = ['http://*/*', 'https://*/*'];

/** The pattern of a page's site. @param {string} address */
const siteOf = (address) => {
  const { protocol, hostname } = new URL(address);
  return [`${protocol}//${hostname}/*`];
};

/** Whether the extension may look at a page by itself. @param {string} address */
export const mayLook = (address) => chrome.permissions.contains({ origins: siteOf(address) });

/** What is allowed on a page. @param {string} address @returns {Promise<Access>} */
export async function access(address) {
  if (await chrome.permissions.contains({ origins: EVERYWHERE })) return 'everywhere';
  return (await mayLook(address)) ? 'site' : 'button';
}

/**
 * Asks for more, or gives back. It has to be called out of a click. Answers what is allowed then.
 * @param {string} address @param {Access} wanted @returns {Promise<Access>}
 */
export async function change(address, wanted) {
  if (wanted === 'button') await chrome.permissions.remove({ origins: [...EVERYWHERE, ...siteOf(address)] });
  else await chrome.permissions.request({ origins: wanted === 'everywhere' ? EVERYWHERE : siteOf(address) });
  return access(address);
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { whyUnseen } from '../ask.js';

describe('a page that cannot be looked at', () => {
  const says = (name, address, refusal, sentence) => it(`says so: ${name}`, () => assert.match(whyUnseen(address, refusal), sentence));
  says('a page of the browser', 'chrome://settings/', 'Cannot access a chrome:// URL', /page of the browser itself/);
  says('its shop', 'https://chromewebstore.google.com/', 'The extensions gallery cannot be scripted.', /its own shop/);
  says('another extension', 'chrome-extension://abc/x.html', 'Cannot access contents of url "chrome-extension://abc/x.html".', /page of the browser itself/);
  says('a file', 'file:///home/x.html', 'Cannot access contents of url "file:///home/x.html".', /This is a file/);
  says('a page that did not load', 'https://a.example/', 'Frame with ID 0 is showing error page', /could not be loaded/);
  says('a page whose button was not pressed', '', 'Cannot access contents of the page. Extension manifest must request permission to access the respective host.', /when its button is pressed/);
  says('a tab that is gone', '', 'No tab with id: 5.', /The tab is gone/);
});

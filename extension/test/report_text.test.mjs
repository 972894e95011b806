import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reportText, shortAddress, shortened } from '../report_text.js';
import { absent, seen } from './page.mjs';

const ABOUT = { version: '1.2.3', browser: 'A browser', at: 1_700_000_000_000 };

describe('the report as a text', () => {
  it('says site, mode, consent, links, events and what is wrong', () => {
    const text = reportText(seen({ page: { base: 'https://old.example/' } }), ABOUT);
    for (const part of ['Tagwerk Helper 1.2.3, 2023-11-14T22:13:20.000Z', 'site: siteAbcdef01 at https://t.example', 'consent: granted (mode none', 'decorated link of digistore24', 'PageView delivered (204) e1', '[look] base:', 'mend: ']) {
      assert.ok(text.includes(part), `${part} in\n${text}`);
    }
  });

  it('tells no visitor, no attribute of an event, no whole ad click id, and no address of a person', () => {
    const click_ids = { gclid: 'Cj0KCQiA7aPyBhChARIsAJfWCgL_a_long_one' };
    const text = reportText(seen({ report: { source: { ...seen().frames[0].tag.report.source, click_ids }, visitor_id: 'v0123456789abcde' } }), ABOUT);
    for (const secret of ['v0123456789abcde', '9.90', click_ids.gclid, 'jane', '0123456789abcdef']) assert.ok(!text.includes(secret), secret);
    assert.ok(text.includes('gclid=Cj0KCQ… (38 characters)'), text);
  });

  it('has the visit\'s id whole, by which support finds it', () => {
    assert.ok(reportText(seen(), ABOUT).includes('visit: hbshnsrle2u9bhhz'));
  });

  it('is made of a page without any tag', () => {
    assert.match(reportText(absent({ scripts: [] }), ABOUT), /no_tag[^]*tag: absent/);
  });

  it('tells frames that were not looked into', () => {
    assert.match(reportText(seen({ page: { frames: [{ address: 'https://video.example/embed?v=1', reachable: false }] } }), ABOUT), /not looked into\n- https:\/\/video\.example\/embed\?v=1/);
  });
});

describe('an address', () => {
  it('keeps campaigns and short values, and only the beginning of long ones', () => {
    assert.equal(shortAddress('https://a.example/?utm_campaign=a-long-campaign-name&id=7&token=0123456789abcdef#top'), 'https://a.example/?utm_campaign=a-long-campaign-name&id=7&token=012345… (16 characters)#top');
  });

  it('shows no e-mail address, not as a campaign either', () => {
    assert.equal(shortAddress('https://a.example/?utm_term=jane%40b.example&e=jane@b.example'), 'https://a.example/?utm_term=…&e=…');
    assert.equal(shortened('a@b'), '…');
  });
});

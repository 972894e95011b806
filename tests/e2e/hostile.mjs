// What strangers and careless people put into names, links and products. No page may run it, be broken by it, or let a spreadsheet run it.

/** Sets `window.__hacked` where a page runs it. */
const HACK = 'window.__hacked=1';

/** Strings that do harm where they are not escaped, defused or wrapped; each of them at most 2,000 characters. */
export const HOSTILE = [
  `<script>${HACK}</script>`,
  `"><img src=x onerror=${HACK}>`,
  `' onmouseover=${HACK} autofocus onfocus=${HACK} x='`,
  `</textarea></title></style></script><svg onload=${HACK}>`,
  `javascript:${HACK}//`,
  // Overrides and isolates that are never closed: what follows must not be turned around with them.
  '\u202Egpj.erutcip\u2066\u2067 live',
  'דף הנחיתה של ברקאי 2026 صفحة الهبوط',
  'x'.repeat(500),
  'W'.repeat(120),
  "=cmd|' /C calc'!A0",
  '+1+1',
  '@SUM(1+1)*cmd',
  '-2+3+cmd',
  '\t=HYPERLINK("https://evil.example")',
  '👩‍🍳🥖🔪🎄🇩🇪👨‍👩‍👧‍👦',
  'zero\u200Bwidth\u200C\u200D\uFEFF\u00ADjoined',
  'first line\nsecond line\r\nthird line\u2028fourth',
  'before\u0000after\u0007bell\u001B[31mred',
  '{{7*7}} ${7*7} <%= 7*7 %> #{7*7} %s%n',
  `a"b'c&amp;d<e>&#x3C;b&#x3E;`,
  '%3Cscript%3Ewindow.__hacked=1%3C/script%3E%00%zz%',
  'Z̸̡̢̛̮̗̬̟͖̅̊̾̓a̷̧̢̛̰̲͉̎͗̏͝l̵̨̛̗̥̱̫̅̄͑̿g̶̢̨̛̦̞̗̑̊̿͝o̸̧̢̗̰̅̐͗',
  '../../../../etc/passwd',
  "'; DROP TABLE conversions;--",
  `https://evil.example/${'very/long/'.repeat(180)}?a=1&b="><b>`,
  '   ',
  'null',
  '1e309',
];

/** Gives each column one hostile string after the other, so that over its rows it meets them all. */
export function everyHostile() {
  const turns = new Map();
  return (column) => {
    const turn = turns.get(column) ?? [...column].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
    turns.set(column, turn + 1);
    return HOSTILE[turn % HOSTILE.length];
  };
}

/** Those that fit where names are short and of one line. */
export const HOSTILE_NAMES = HOSTILE.filter((text) => text.trim() && text.length <= 100 && !/\p{Cc}/u.test(text));

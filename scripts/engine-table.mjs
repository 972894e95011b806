// The table of all browser suites in all engines, in Markdown.

const MARKS = { passed: 'pass', failed: '**fails**' };
const ORDER = ['chromium', 'firefox', 'webkit'];
const SUITES = {
  clicks: 'Clicks: what opens, what the server is told, and that both name the same ids',
  page: 'Pages: never in the way, and working where it can',
  consent: 'Consent: what is kept and told, by setting and signal',
};

/** The whole document for what the suites wrote down: `{ engine, version, suite, outcomes: [{ title, outcome, reason }] }`. */
export function table(found) {
  const engines = ORDER.filter((name) => found.some(({ engine }) => engine === name));
  const notes = [];
  const note = (reason) => {
    if (!notes.includes(reason)) notes.push(reason);
    return `[${notes.indexOf(reason) + 1}]`;
  };
  const version = (engine) => found.find((one) => one.engine === engine && one.version)?.version ?? '';

  const parts = Object.entries(SUITES).map(([suite, heading]) => {
    const columns = engines.map((name) => found.find((one) => one.engine === name && one.suite === suite)?.outcomes ?? []);
    const titles = [...new Set(columns.flatMap((outcomes) => outcomes.map(({ title }) => title)))];
    const cell = (outcome) => (outcome ? (outcome.outcome === 'differs' ? `differs ${note(outcome.reason)}` : MARKS[outcome.outcome]) : 'not run');
    const rows = order(titles, columns[0]).map((title) => `| ${title.replace(/\|/g, '\\|')} | ${columns.map((outcomes) => cell(outcomes.find((one) => one.title === title))).join(' | ')} |`);
    const count = (outcomes) => `${outcomes.filter(({ outcome }) => outcome === 'passed').length} of ${outcomes.length}`;
    return [`## ${heading}`, '', `| | ${engines.join(' | ')} |`, `|---|${engines.map(() => '---|').join('')}`, ...rows, `| passed | ${columns.map(count).join(' | ')} |`, ''].join('\n');
  });

  return [
    '# The tag in every engine',
    '',
    'Written by `npm run test:engines -- --write` from a run of `tests/engines`: the same rows in every engine, against the real server. In brackets',
    'behind a row stands the mode of the tag: `wasm`, or `shim` where there is no WebAssembly. A row that an engine cannot show differs, for the reason behind its number.',
    '',
    ...engines.map((name) => `- ${name}: ${version(name)}`),
    '',
    ...parts,
    ...(notes.length ? ['## What differs', '', ...notes.map((reason, index) => `${index + 1}. ${reason.replace(/https?:\/\/\S+[^\s.,;)]/g, '<$&>')}`), ''] : []),
  ].join('\n');
}

/** The rows as the suite has them; an engine writes down what it cannot show before what it ran. */
function order(titles, first = []) {
  const place = (title) => {
    const at = first.findIndex((one) => one.title === title);
    return at < 0 ? first.length : at;
  };
  return [...titles].sort((a, b) => place(a) - place(b));
}

// Charts: draws what stands in a table, or in JSON, as lines and bars. The page works without: the figures stand in the table.
//
// <figure class="chart" data-chart="ID">: ID is that of a table or of a <script type="application/json">.
// JSON: {"x": [seconds since 1970], "step": "hour|day|week|month", "zone": "Europe/Berlin",
//        "series": [{"label", "values": [numbers or null], "unit": "count|money|percent", "currency", "draw": "line|bars"}]}
// Table: a header cell for each series with the same as data-unit, data-currency and data-draw; in each row a cell with data-x, and one
// with data-value (empty for none) for each series; data-step and data-zone on the table.
// Whoever replaces a part of the page says so: document.dispatchEvent(new Event('charts')).

const HEIGHT = 240;
const locale = navigator.languages;
const drawn = new Map();

function fromTable(table) {
  const heads = [...table.querySelectorAll('thead [data-unit]')];
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]).filter((row) => row.querySelector('[data-x]'));
  const cells = rows.map((row) => [...row.querySelectorAll('[data-value]')]);
  return {
    ...table.dataset,
    x: rows.map((row) => Number(row.querySelector('[data-x]').dataset.x)),
    series: heads.map((head, index) => ({
      label: head.textContent.trim(),
      ...head.dataset,
      values: cells.map((row) => {
        const value = row[index]?.dataset.value ?? '';
        return value === '' ? null : Number(value);
      }),
    })),
  };
}

function read(figure) {
  const source = document.getElementById(figure.dataset.chart);
  if (!source) return null;
  const said = source instanceof HTMLTableElement ? fromTable(source) : JSON.parse(source.textContent);
  return said.x.length > 0 && said.series.length > 0 ? said : null;
}

/** Numbers as people of this browser's language write them; on an axis in few characters. */
function numbers({ unit, currency }, short) {
  const options = { maximumFractionDigits: short ? 1 : 2, ...(short && { notation: 'compact' }) };
  if (unit === 'percent') {
    const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: short ? 1 : 2 });
    return (value) => percent.format(value / 100);
  }
  if (unit === 'money' && currency) {
    const money = new Intl.NumberFormat(locale, { style: 'currency', currency, ...(short ? { ...options, minimumFractionDigits: 0 } : {}) });
    return (value) => money.format(value);
  }
  const plain = new Intl.NumberFormat(locale, options);
  return (value) => plain.format(value);
}

const DAY = 86_400;

/** Texts of the time axis, by how far apart they are, and of one point in time. */
function times({ step, zone: timeZone }, span) {
  const format = (options) => {
    const formatter = new Intl.DateTimeFormat(locale, { timeZone, ...options });
    return (seconds) => formatter.format(seconds * 1000);
  };
  const clock = format({ hour: '2-digit', minute: '2-digit' });
  const day = format({ day: 'numeric', month: 'short' });
  const month = format({ month: 'short', year: 'numeric' });
  const year = format({ year: 'numeric' });
  const hours = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  const isMidnight = (seconds) => hours.format(seconds * 1000) === '00:00';
  const axis = (seconds, apart) => {
    if (apart < DAY) return span > DAY * 1.5 && isMidnight(seconds) ? day(seconds) : clock(seconds);
    if (apart < 28 * DAY) return day(seconds);
    return apart < 360 * DAY ? month(seconds) : year(seconds);
  };
  const whole = format({
    hour: { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' },
    month: { month: 'long', year: 'numeric' },
  }[step] ?? { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
  return { axis, point: (seconds) => (step === 'week' ? `Week of ${whole(seconds)}` : whole(seconds)) };
}

function colours(figure) {
  const style = getComputedStyle(figure);
  const of = (name) => style.getPropertyValue(name).trim();
  return { ink: of('--soft'), line: of('--line'), series: Array.from({ length: 6 }, (_, index) => of(`--series-${index + 1}`)), font: `12px ${style.fontFamily}` };
}

const element = (name, className, text = '') => {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
};

/** Builds what a figure needs besides the drawing: where it goes, and a legend whose buttons show and hide. */
function stage(figure, said) {
  const plot = element('div', 'chart-plot');
  const title = figure.querySelector('figcaption')?.textContent.trim() ?? 'Chart';
  plot.tabIndex = 0;
  // A point in time is chosen by the arrow keys as a value of a slider is, and read out in full.
  const attributes = { role: 'slider', 'aria-label': `${title}: point in time`, 'aria-valuemin': 0, 'aria-valuemax': said.x.length - 1, 'aria-valuenow': said.x.length - 1 };
  for (const [name, value] of Object.entries(attributes)) plot.setAttribute(name, value);
  const legend = element('div', 'chart-legend');
  const at = element('p', 'chart-at small');
  const list = element('ul', '');
  const entries = said.series.map((series, index) => {
    const button = element('button', `chart-series series-${(index % 6) + 1}${series.draw === 'bars' ? ' bars' : ''}`);
    button.type = 'button';
    button.setAttribute('aria-pressed', 'true');
    button.append(element('span', 'chart-mark'), element('span', '', series.label));
    const value = element('span', 'chart-value');
    const item = element('li', '');
    item.append(button, value);
    list.append(item);
    return { button, value };
  });
  legend.append(list, at);
  const behind = figure.querySelector('details') ?? null;
  figure.insertBefore(plot, behind);
  figure.insertBefore(legend, behind);
  return { plot, legend, at, entries };
}

function draw(figure, hidden) {
  drawn.get(figure)?.end();
  const said = read(figure);
  if (!said) return;
  const { x, series } = said;
  const parts = stage(figure, said);
  const theme = colours(figure);
  const units = [...new Set(series.map(({ unit }) => unit))];
  const time = times(said, x.at(-1) - x[0]);
  const exact = series.map((one) => numbers(one, false));
  const width = () => Math.max(parts.plot.clientWidth, 160);
  // Where lines meet, the one drawn last is seen: bars lie under all of them.
  const gap = x.length > 1 ? x[1] - x[0] : DAY;
  const bars = series.some(({ draw: how }) => how === 'bars');

  const tell = (index) => {
    const known = index !== null && index !== undefined;
    parts.at.textContent = known ? time.point(x[index]) : 'Point at the chart, or use the arrow keys, for single values.';
    const told = series.map((one, number) => {
      const value = one.values[index];
      const text = known ? (value === null || value === undefined ? 'none' : exact[number](value)) : '';
      parts.entries[number].value.textContent = text;
      return `${one.label} ${text}`;
    });
    if (!known) return;
    parts.plot.setAttribute('aria-valuenow', index);
    parts.plot.setAttribute('aria-valuetext', `${time.point(x[index])}: ${told.join(', ')}`);
  };

  const axisOf = (unit, position) => {
    const format = numbers(series.find((one) => one.unit === unit), true);
    return {
      scale: unit,
      side: position === 0 ? 3 : 1,
      stroke: theme.ink,
      font: theme.font,
      space: 40,
      ...(unit === 'count' && { incrs: [1, 2, 5].flatMap((digit) => Array.from({ length: 15 }, (_, power) => digit * 10 ** power)).sort((a, b) => a - b) }),
      grid: { show: position === 0, stroke: theme.line, width: 1 },
      ticks: { show: false },
      values: (_, splits) => splits.map((value) => (value === null ? '' : format(value))),
      // As wide as its widest text, of which no browser tells before it is drawn; seven pixels a character are enough.
      size: (_, texts) => 18 + 7 * Math.max(2, ...(texts ?? []).map((text) => text.length)),
    };
  };
  const options = {
    width: width(),
    height: HEIGHT,
    ...(said.zone && { tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), said.zone) }),
    // Where no axis stands on the right, the last time needs room there.
    padding: [12, units.length > 1 ? 8 : 28, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false, setScale: false }, points: { size: 8 } },
    scales: {
      x: { time: true, range: (_, from, to) => (bars || from === to ? [from - gap / 2, to + gap / 2] : [from, to]) },
      ...Object.fromEntries(units.map((unit) => [unit, {
        range: (_, low, high) => {
          if (low === null || low === undefined) return [0, 1];
          const top = Math.max(high, 0);
          const bottom = Math.min(low, 0);
          return top === bottom ? [0, 1] : [bottom < 0 ? bottom * 1.1 : 0, top * 1.1];
        },
      }])),
    },
    axes: [
      {
        stroke: theme.ink,
        font: theme.font,
        space: 64,
        size: 30,
        grid: { show: false },
        ticks: { stroke: theme.line, width: 1, size: 5 },
        values: (_, splits, _axis, _space, apart) => splits.map((seconds) => time.axis(seconds, apart)),
      },
      ...units.map(axisOf),
    ],
    series: [
      {},
      ...series.map((one, index) => {
        const stroke = theme.series[index % 6];
        return {
          label: one.label,
          scale: one.unit,
          stroke,
          width: 2,
          show: !hidden.has(one.label),
          ...(one.draw === 'bars' && { paths: uPlot.paths.bars({ size: [0.6, 28] }), fill: `${stroke}99`, width: 0, points: { show: false } }),
        };
      }),
    ],
    hooks: { setCursor: [({ cursor }) => tell(cursor.idx)] },
  };
  const chart = new uPlot(options, [x, ...series.map(({ values }) => values)], parts.plot);
  tell(null);

  const toggle = (index, shown) => {
    chart.setSeries(index + 1, { show: shown });
    parts.entries[index].button.setAttribute('aria-pressed', String(shown));
  };
  parts.entries.forEach(({ button }, index) => {
    if (hidden.has(series[index].label)) button.setAttribute('aria-pressed', 'false');
    button.addEventListener('click', () => toggle(index, button.getAttribute('aria-pressed') !== 'true'));
  });

  const move = (index) => {
    const to = Math.min(Math.max(index, 0), x.length - 1);
    chart.setCursor({ left: chart.valToPos(x[to], 'x'), top: 0 });
  };
  parts.plot.addEventListener('keydown', (event) => {
    const here = chart.cursor.idx ?? x.length;
    const page = Math.max(Math.round(x.length / 10), 1);
    const to = {
      ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1,
      PageDown: here - page, PageUp: here + page, Home: 0, End: x.length - 1,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move(to);
  });
  parts.plot.addEventListener('blur', () => chart.setCursor({ left: -10, top: -10 }));

  const watch = new ResizeObserver(() => {
    if (width() !== chart.width) chart.setSize({ width: width(), height: HEIGHT });
  });
  watch.observe(parts.plot);
  drawn.set(figure, {
    hidden: () => series.filter((_, index) => !chart.series[index + 1].show).map(({ label }) => label),
    end() {
      watch.disconnect();
      chart.destroy();
      parts.plot.remove();
      parts.legend.remove();
      drawn.delete(figure);
    },
  });
}

function drawAll() {
  // What somebody hid stays hidden in the figure that has taken another's place.
  const hidden = new Map();
  for (const [figure, chart] of drawn) {
    hidden.set(figure.dataset.chart, new Set(chart.hidden()));
    if (!figure.isConnected) chart.end();
  }
  for (const figure of document.querySelectorAll('figure[data-chart]')) {
    try {
      draw(figure, hidden.get(figure.dataset.chart) ?? new Set());
    } catch (error) {
      // The table says the same; one chart that does not draw takes no other with it.
      console.error(error);
    }
  }
}

if (window.uPlot) {
  drawAll();
  document.addEventListener('charts', drawAll);
  // The colours are the canvas's own: it does not follow the style sheet by itself.
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
}

// Draws a dashboard's panels, each with `series` ([{legend, points: [[time, value]]}]), as one page.
const COLUMN = 60;
const ROW = 30;
const COLOURS = ['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd', '#8c564b', '#e377c2', '#7f7f7f', '#bcbd22', '#17becf'];

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const digits = (value) => String(Number(value.toPrecision(3)));

function seconds(value) {
  if (value === 0) return '0 s';
  for (const [unit, size] of [['d', 86400], ['h', 3600], ['min', 60], ['s', 1], ['ms', 1e-3]]) {
    if (Math.abs(value) >= size) return `${digits(value / size)} ${unit}`;
  }
  return `${digits(value * 1e6)} µs`;
}

function bytes(value) {
  const step = value > 0 ? Math.min(3, Math.floor(Math.log2(value) / 10)) : 0;
  return `${digits(value / 1024 ** step)} ${['B', 'KiB', 'MiB', 'GiB'][step]}`;
}

// As Grafana would write it.
function written(value, unit) {
  switch (unit) {
    case 's': return seconds(value);
    case 'bytes': return bytes(value);
    case 'percentunit': return `${digits(value * 100)} %`;
    case 'reqps': return `${digits(value)} req/s`;
    case 'ops': return `${digits(value)}/s`;
    default: return digits(value);
  }
}

function stat({ series, fieldConfig }) {
  const unit = fieldConfig.defaults.unit;
  return series.map(({ legend, points }) => `<div class=stat>${escape(written(points.at(-1)[1], unit))}<small> ${escape(legend)}</small></div>`).join('');
}

function chart({ series, fieldConfig }, from, to, width, height) {
  const unit = fieldConfig.defaults.unit;
  const left = 70;
  const top = Math.max(...series.flatMap(({ points }) => points.map(([, value]) => value)), 0) || 1;
  const x = (time) => left + ((time - from) / (to - from)) * (width - left - 8);
  const y = (value) => height - 18 - (value / top) * (height - 26);
  const grid = [0, 0.5, 1].map((part) => `<line x1=${left} x2=${width - 8} y1=${y(top * part)} y2=${y(top * part)} stroke=#ddd />`
    + `<text x=${left - 6} y=${y(top * part) + 4} text-anchor=end>${escape(written(top * part, unit))}</text>`).join('');
  const times = [0, 0.5, 1].map((part) => `<text x=${x(from + (to - from) * part)} y=${height - 4} text-anchor=${['start', 'middle', 'end'][part * 2]}>${Math.round((to - from) * part)} s</text>`).join('');
  const lines = series.map(({ points }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const dots = points.map(([time, value]) => `<circle cx=${x(time).toFixed(1)} cy=${y(value).toFixed(1)} r=1.6 fill="${colour}" />`).join('');
    return `<polyline fill=none stroke="${colour}" stroke-width=1.3 points="${points.map(([time, value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}" />${dots}`;
  }).join('');
  return `<svg width=${width} height=${height}>${grid}${times}${lines}</svg>`;
}

function legend({ series }) {
  return `<div class=legend>${series.map(({ legend: text }, i) => `<span style="color:${COLOURS[i % COLOURS.length]}">■ ${escape(text || '(no legend)')}</span>`).join(' ')}</div>`;
}

function body(panel, from, to, width, height) {
  if (panel.series.length === 0) return '<div class=none>no data</div>';
  if (panel.type === 'stat') return stat(panel);
  return chart(panel, from, to, width - 12, height - 62) + legend(panel);
}

// Returns {html, width, height}.
export function page(dashboard, from, to) {
  const bottom = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h));
  const boxes = dashboard.panels.map((panel) => {
    const { x, y, w, h } = panel.gridPos;
    const [width, height] = [w * COLUMN - 8, h * ROW - 8];
    const place = `left:${x * COLUMN}px;top:${y * ROW}px;width:${width}px;height:${height}px`;
    if (panel.type === 'row') return `<h2 style="${place}">${escape(panel.title)}</h2>`;
    return `<section style="${place}"><b>${escape(panel.title)}</b>${body(panel, from, to, width, height)}</section>`;
  });
  const style = `body{margin:8px;font:12px sans-serif;position:relative}section,h2{position:absolute;box-sizing:border-box;margin:0}
section{border:1px solid #ccc;padding:4px;overflow:hidden}h2{font-size:15px}svg{font-size:10px;display:block}.stat{font-size:26px}.stat small{font-size:12px}
.legend{font-size:10px;height:36px;overflow:hidden}.none{color:#999;padding:30px;text-align:center}`;
  return { html: `<!doctype html><meta charset=utf-8><title>${escape(dashboard.title)}</title><style>${style}</style>${boxes.join('\n')}\n`, width: 24 * COLUMN + 16, height: bottom * ROW + 16 };
}

// What all charts share: plotly in the colours of the page.
import {el} from "./dom.js";
import {unpack} from "./source.js";

export function layout(more = {}) {
  const style = getComputedStyle(document.documentElement);
  const [ink, faint, paper] = ["--ink", "--line", "--paper"].map((name) => style.getPropertyValue(name).trim());
  const axis = { gridcolor: faint, zerolinecolor: faint, linecolor: faint, automargin: true, exponentformat: "power" };
  const merge = (one, other) => ({ ...axis, ...one, ...other });
  return {
    paper_bgcolor: paper, plot_bgcolor: paper, font: { color: ink, family: "system-ui, sans-serif", size: 12 },
    margin: { l: 56, r: 16, t: 34, b: 56 }, hovermode: "closest", showlegend: false, ...more,
    xaxis: merge({}, more.xaxis), yaxis: merge({}, more.yaxis),
  };
}

const KEPT = 5000; // answers that are kept

export const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "sendDataToCloud"] };

// Plotly's script is large: it is taken in when the first chart is drawn.
let library = null;

export function loadCharts() {
  library ??= new Promise((resolve, reject) => {
    const script = el("script");
    const packed = document.getElementById("charts");
    script.onload = resolve;
    script.onerror = () => reject(new Error("the library for charts cannot be loaded"));
    if (packed) {
      unpack(packed.textContent).then((text) => { script.textContent = text; document.head.append(script); resolve(); }).catch(reject);
    } else {
      script.src = "/plotly.js";
      document.head.append(script);
    }
  });
  return library;
}

// Draws once the library is there; of several drawings of one element the last one counts.
export async function draw(element, traces, settings) {
  const turn = (element.turn || 0) + 1;
  element.turn = turn;
  await loadCharts();
  if (element.turn === turn) await window.Plotly.react(element, traces, layout(settings), CONFIG);
}

export function clear(element) {
  element.turn = (element.turn || 0) + 1;
  if (element.data) window.Plotly.purge(element);
}

// What was fetched, by what it was asked with, until its version is another.
export class Fetched {
  constructor() { this.known = new Map(); }

  get(key, version, fetch) {
    if (this.known.get(key)?.version !== version) {
      if (this.known.size > KEPT) this.known.clear();
      this.known.set(key, { version, told: fetch().catch(() => null) });
    }
    return this.known.get(key).told;
  }
}

// Whether what something is made of is, part by part, what it was made of before.
export function isMadeOf(parts, before) {
  return before?.length === parts.length && parts.every((part, i) => part === before[i]);
}

// A few askings at a time, so that two hundred curves do not make two hundred connections.
export async function each(items, work, atOnce = 6) {
  const waiting = [...items.entries()];
  const results = new Array(items.length);
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, async () => {
    while (waiting.length) {
      const [i, item] = waiting.shift();
      results[i] = await work(item, i).catch(() => null);
    }
  }));
  return results;
}

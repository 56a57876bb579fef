// What all charts share: plotly in the colours of the page.
import {el} from "./dom.js";
import {unpack} from "./source.js";
import {grow, makeRoom, remember, rangesOf} from "./growing.js";
import {revive} from "./values.js";

export function layout(more = {}) {
  const style = getComputedStyle(document.documentElement);
  const [ink, faint, paper] = ["--ink", "--line", "--paper"].map((name) => style.getPropertyValue(name).trim());
  const axis = { gridcolor: faint, zerolinecolor: faint, linecolor: faint, automargin: true, exponentformat: "power" };
  const merge = (one, other) => ({ ...axis, ...one, ...other, title: { standoff: 8, ...other?.title } });
  return {
    paper_bgcolor: paper, plot_bgcolor: paper, font: { color: ink, family: "system-ui, sans-serif", size: 12 },
    margin: { l: 56, r: 16, t: 34, b: 40 }, hovermode: "closest", showlegend: false, ...more,
    xaxis: merge({}, more.xaxis), yaxis: merge({}, more.yaxis),
  };
}

const KEPT = 5000; // answers that are kept
const LONGEST_LINE = 4000; // points, beyond which an envelope is asked for again

export const CONFIG = { displaylogo: false, responsive: true, doubleClick: "autosize", modeBarButtonsToRemove: ["lasso2d", "sendDataToCloud"] };

// What is drawn of a run that goes on takes little of the time that it needs itself.
export const PACE = { pages: 1, until: 0 };
export const REST = 50; // times as long as drawing took, a page rests,
export const FRAME = 10; // milliseconds of the browser's own work on what was drawn, which a page cannot see,
export const LONGEST = 1000; // milliseconds at most.
export const ROUND = 2000; // milliseconds in which each of several pages draws once.

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
  if (element.turn !== turn) return;
  element.style.height = `${settings.height}px`; // else a window of another size leaves it the least
  if (settings.live === undefined) {
    await react(element, traces, settings);
    return;
  }
  const form = settings.live && JSON.stringify([settings, traces.map(({ x, y, ...look }) => look), document.documentElement.dataset.theme]);
  if (settings.live && grow(element, form, traces)) return;
  const ranges = rangesOf(element, traces, settings);
  if (settings.live && await makeRoom(element, form, traces, ranges)) return;
  const begun = performance.now();
  if (settings.live && element.lines && element.form === form && begun < PACE.until) {
    setTimeout(() => { if (element.turn === turn) draw(element, traces, settings); }, PACE.until - begun);
    return;
  }
  const { live, ...more } = { ...settings, ...ranges };
  await react(element, traces, { ...more, uirevision: `${more.uirevision} ${element.freed || 0}` });
  element.lines = null;
  if (live) remember(element, form, traces);
  const now = performance.now();
  PACE.until = now + Math.min(REST * (now - begun), LONGEST);
  if (!element.zoomed) {
    element.zoomed = {};
    element.on("plotly_relayout", (change) => noteZoom(element, change));
  }
}

// Plotly hears of a window of another size, but not of what was hidden meanwhile.
const fitting = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const drawn = target._fullLayout?.width;
    if (target.offsetWidth && drawn && Math.abs(target.offsetWidth - drawn) >= 1) window.Plotly.Plots.resize(target);
  }
});

// Draws a chart, which from now on is as wide as its place.
async function react(element, traces, settings) {
  await window.Plotly.react(element, traces, layout(settings), CONFIG);
  fitting.observe(element);
}

// Which axes somebody zoomed: a chart that goes on leaves them as they are.
function noteZoom(element, change) {
  if (element.makesRoom) return;
  for (const axis of ["xaxis", "yaxis"]) {
    if (`${axis}.range[0]` in change || `${axis}.range` in change) element.zoomed[axis] = true;
    if (change[`${axis}.autorange`]) { element.zoomed[axis] = false; element.lines = null; element.freed = (element.freed || 0) + 1; }
  }
}

export function clear(element) {
  element.turn = (element.turn || 0) + 1;
  fitting.unobserve(element);
  if (element.data) window.Plotly.purge(element);
  element.zoomed = element.lines = null;
}

// What was fetched, by what it was asked with, until its version is another.
export class Fetched {
  constructor() { this.known = new Map(); }

  get(key, version, fetch) {
    if (this.known.get(key)?.version !== version) {
      if (this.known.size > KEPT) this.known.clear();
      const entry = { version, now: null, news: [] };
      entry.told = fetch().catch(() => null).then((told) => {
        entry.now = told;
        if (!entry.news.every((news) => lengthen(entry, news))) entry.version = null;
        return entry.now;
      });
      this.known.set(key, entry);
    }
    return this.known.get(key).told;
  }

  // Take in the newest points of a series; whether what was fetched of it now is what there is, or
  // will be once it is here.
  extend(key, news) {
    const entry = this.known.get(key);
    if (!entry) return true;
    if (entry.now) return lengthen(entry, news);
    entry.news.push(news);
    return true;
  }
}

function lengthen(entry, [count, , points = []]) {
  const told = entry.now;
  if (told?.kind !== "scalar") return false;
  const behind = count - told.count;
  if (behind <= 0) return true;
  if (points.length < behind || told.steps.length > LONGEST_LINE) return false;
  let last = Number(told.steps.at(-1) ?? -Infinity);
  for (const [step, time, value] of revive(points.slice(-behind))) {
    if (!(step >= last)) return false;
    told.steps.push(step); told.times.push(time); told.values.push(value);
    last = step;
  }
  entry.now = { ...told, count };
  entry.told = Promise.resolve(entry.now);
  return true;
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

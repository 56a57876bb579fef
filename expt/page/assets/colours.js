// Colours of values: a scale for numbers, and for kinds a palette that the colour-blind can read.
import {el} from "./dom.js";
import {show, isSpread} from "./values.js";
import {endsOf, flatRange} from "./ranges.js";

const KINDS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f6d00", "#888888"];
const DASHES = ["solid", "dash", "dot", "dashdot"];
const SCALE = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];

export function onScale(share) {
  const at = Math.min(Math.max(share, 0), 1) * (SCALE.length - 1);
  const low = Math.min(Math.floor(at), SCALE.length - 2);
  const [a, b] = [SCALE[low], SCALE[low + 1]];
  return `rgb(${a.map((value, i) => Math.round(value + (b[i] - value) * (at - low))).join(",")})`;
}

// The part of the scale that is seen on the paper of the page.
export function tint(share) {
  return onScale(document.documentElement.dataset.theme === "dark" ? 0.25 + 0.75 * share : 0.92 * share);
}

export function plotlyScale() {
  return SCALE.map((_, i) => [i / (SCALE.length - 1), tint(i / (SCALE.length - 1))]);
}

// For each row its colour, its dash and the legend: a bar for numbers, names for kinds.
export function colouring(runs, rows, name) {
  if (!name) return { of: (row, i) => ({ colour: KINDS[i % KINDS.length], dash: DASHES[Math.floor(i / KINDS.length) % DASHES.length] }), bar: null, kinds: null };
  if (runs.isNumeric(name) && new Set(rows.map((row) => runs.number(row, name))).size > 2) {
    const numbers = rows.map((row) => runs.number(row, name)).filter(Number.isFinite);
    const log = isSpread(numbers);
    const place = log ? Math.log10 : (x) => x;
    const ends = endsOf(numbers.map(place));
    const [low, high] = flatRange(ends) || ends;
    const of = (row) => { const x = place(runs.number(row, name)); return { colour: Number.isFinite(x) ? tint((x - low) / (high - low)) : "#888888", dash: "solid" }; };
    return { of, bar: { low, high, log }, kinds: null };
  }
  const kinds = [...new Set(rows.map((row) => show(runs.value(row, name))))].sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1));
  const of = (row) => { const i = kinds.indexOf(show(runs.value(row, name))); return { colour: KINDS[i % KINDS.length], dash: DASHES[Math.floor(i / KINDS.length) % DASHES.length] }; };
  return { of, bar: null, kinds };
}

// What the colours of kinds mean, in words beside the charts: at most as many as can be told apart.
export function legend({ of, kinds }, runs, rows, name) {
  if (!kinds || !name || kinds.length > 2 * KINDS.length) return [];
  return [el("span.kind", {}, `${runs.named(name)}:`), ...kinds.map((kind) => {
    const swatch = el("i.swatch");
    swatch.style.background = of(rows.find((row) => show(runs.value(row, name)) === kind), 0).colour;
    return el("span.kind", {}, swatch, kind === "" ? "none" : kind);
  })];
}

// The value to colour by when nobody says: the one that explains most of the numbers `ends`, of completed rows where there
// are several, since others end wherever they were stopped; and where none does, the one with the fewest kinds.
export function telling(runs, rows, ends, except = []) {
  const names = runs.differing(rows, runs.valueNames("params")).differs.filter((name) => !except.includes(name));
  const status = (row) => runs.value(row, "status");
  const isWhole = rows.filter((row) => status(row) === "completed").length > 1 ? (row) => status(row) === "completed" : (row) => status(row) !== "running";
  const ended = ends.map((end) => rows.map((row) => (isWhole(row) ? runs.number(row, end) : NaN)));
  const told = [];
  for (const name of names) {
    const kinds = rows.map((row) => show(runs.value(row, name)));
    const count = new Set(kinds).size;
    if (count > 1 && count < rows.length) told.push([ended.reduce((sum, numbers) => sum + explained(kinds, numbers), 0), count, name]);
  }
  return told.sort((a, b) => b[0] - a[0] || a[1] - b[1])[0]?.[2] || names.find((name) => runs.isNumeric(name)) || "";
}

// The share of the variance of numbers that lies between kinds, less what as many kinds explain by chance.
function explained(kinds, numbers) {
  const known = numbers.map((_, i) => i).filter((i) => Number.isFinite(numbers[i]));
  const largest = known.reduce((most, i) => Math.max(most, Math.abs(numbers[i])), 0) || 1;
  const into = isSpread(known.map((i) => numbers[i])) ? Math.log10 : (x) => x / largest; // whose squares are finite
  const squares = (places) => { const mean = places.reduce((sum, i) => sum + into(numbers[i]), 0) / places.length; return places.reduce((sum, i) => sum + (into(numbers[i]) - mean) ** 2, 0); };
  const groups = new Map();
  for (const i of known) groups.has(kinds[i]) ? groups.get(kinds[i]).push(i) : groups.set(kinds[i], [i]);
  const [total, free] = [squares(known), known.length - groups.size];
  if (!(total > 0) || free <= 0) return 0;
  const within = [...groups.values()].reduce((sum, places) => sum + squares(places), 0);
  return Math.max(0, 1 - (within / free) / (total / (known.length - 1)));
}

// Curves of the chosen runs over each other: one chart a series.
import {el, renew, arrange, choice, check, slider} from "./dom.js";
import {show, showNumber, meanAndDeviation} from "./values.js";
import {title} from "./runs.js";
import {colouring, telling, legend, plotlyScale} from "./colours.js";
import {draw, clear, each, isMadeOf} from "./charts.js";
import {endsOf, flattened} from "./ranges.js";

export class Curves {
  constructor(page) {
    this.page = page;
    this.tools = el("div.tools");
    this.grid = el("div.grid");
    this.told = el("p.same");
    this.element = el("section.view", {}, this.tools, this.told, this.grid);
    this.charts = new Map();
    this.ranges = new Map(); // that a chart is zoomed to
    this.turn = 0;
  }

  async show() {
    const { runs, state } = this.page;
    const rows = this.page.chosenRows(50);
    const names = Object.keys(runs.series).filter((name) => runs.series[name] === "scalar" && rows.some((row) => runs.has(row, name)));
    const chosen = state.list("series").filter((name) => names.includes(name));
    const shown = chosen.length ? chosen : names.slice(0, 12);
    const params = runs.differing(rows, runs.valueNames("params")).differs;
    const band = params.includes(state.band) ? state.band : "";
    const color = state.color || this.telling(rows, shown, band);
    renew(this.tools, [state.x, names, state.smooth, state.logx, state.logy, state.color, params, band, shown], () => [
      choice("x", state.x, [["step", "step"], ["time", "time"], ...names.map((name) => [`series:${name}`, name])], (x) => state.set({ x })),
      slider("smooth", state.smooth, [0, 0.99, 0.01], (smooth) => state.set({ smooth })),
      check("log x", state.logx, (logx) => state.set({ logx })),
      choice("y", state.logy, [["", "as it fits"], ["log", "log"], ["linear", "linear"]], (logy) => state.set({ logy })),
      choice("colour", state.color, [["", "as it tells most"], ...params.map((name) => [name, title(name)]), ["experiment", "experiment"]], (value) => state.set({ color: value })),
      choice("band over", band, [["", "nothing"], ...params.map((name) => [name, title(name)])], (value) => state.set({ band: value })),
      el("details.columns", {}, el("summary", {}, `${shown.length} of ${names.length} series`), el("div.menu", {}, names.map((name) => check(name, shown.includes(name), (on) => state.setList("series", on ? [...shown, name] : shown.filter((n) => n !== name))))))]);
    if (this.x !== state.x) { this.x = state.x; this.ranges.clear(); }
    for (const [name, chart] of this.charts) if (!shown.includes(name)) { clear(chart); chart.remove(); this.charts.delete(name); this.ranges.delete(name); }
    const turn = (this.turn += 1);
    const colours = colouring(runs, rows, color);
    const chosenText = rows.length ? this.page.toldOfChoice(rows) : "no run is chosen";
    renew(this.told, [chosenText, color, colours.kinds], () => [chosenText, ...legend(colours, runs, rows, color)]);
    for (const name of shown) if (!this.charts.has(name)) this.charts.set(name, el("div.chart"));
    arrange(this.grid, shown.map((name) => this.charts.get(name)));
    for (const name of shown) {
      const told = await each(rows, (row) => this.fetch(row, name, this.ranges.get(name)));
      if (turn !== this.turn) return;
      const across = state.x.startsWith("series:") ? await each(rows, (row) => this.fetch(row, state.x.slice(7))) : null;
      if (turn !== this.turn) return;
      await this.draw(name, rows, told, across, colours, band, color);
    }
  }

  telling(rows, shown, band) {
    return telling(this.page.runs, rows, shown.map((name) => `last.${name}`), [band, "params.seed", "params.repeat"]);
  }

  async fetch(row, name, range = null) {
    const { runs, source, fetched } = this.page;
    const whole = await this.page.series(runs.ids[row], name);
    if (!range || !whole) return whole;
    const id = runs.ids[row];
    const count = Number(whole.steps.at(-1)) <= range[1] ? whole.count : "";
    return fetched.get(`${id} ${name} ${range}`, `${this.page.version(id, name)} ${count}`, () => source.series(id, name, { from: range[0], to: range[1] }));
  }

  async draw(name, rows, told, across, colours, band, color) {
    const { runs, state } = this.page;
    const element = this.charts.get(name);
    const live = rows.some((row) => this.page.isLive(row));
    const made = [state.x, state.smooth, state.logx, state.logy, color, band, live, document.documentElement.dataset.theme, ...rows, ...rows.map((row, i) => colours.of(row, i).colour), ...told, ...(across || [])];
    if (isMadeOf(made, element.made)) return;
    element.made = made;
    const lines = rows.map((row, i) => ({ row, i, told: told[i] })).filter((line) => line.told && line.told.count)
      .map((line) => ({ ...line, y: line.told.values.map(Number), x: this.across(line.told, across?.[line.i]) }));
    const log = state.logy === "log" || (state.logy === "" && isLog(saidOf(lines.map((line) => line.told)), lines.flatMap((line) => line.y)));
    const traces = [];
    const faint = state.smooth > 0 || band ? 0.25 : 1;
    lines.forEach((line) => {
      const look = colours.of(line.row, line.i);
      const label = `${runs.short[line.row]} ${this.page.caseText(line.row)}`;
      const base = { x: line.x, mode: line.x.length === 1 ? "markers" : "lines", type: "scatter", name: label, hovertemplate: `%{x} · %{y}<extra>${escapeTemplate(label)}</extra>`, customdata: [line.row] };
      traces.push({ ...base, y: line.y, opacity: faint, line: { color: look.colour, dash: look.dash, width: 1.4 }, marker: { color: look.colour } });
      if (state.smooth > 0) traces.push({ ...base, y: smoothed(line.y, state.smooth, log), line: { color: look.colour, dash: look.dash, width: 2 } });
    });
    if (band) traces.push(...this.bands(lines, band, colours));
    if (colours.bar && lines.length) traces.push(colourBar(colours.bar, runs.named(color)));
    const words = saidOf(lines.map((line) => line.told));
    const along = { step: words.xlabel || "step", time: "time" }[state.x] ?? state.x.slice(7);
    const horizontal = { type: state.x === "time" ? "date" : state.logx ? "log" : "linear", title: { text: escapeText(along) } };
    await draw(element, traces, {
      title: heading(name, words), uirevision: `${name} ${state.x}`, height: 280, live: live && !band,
      xaxis: across ? flattened(horizontal, lines.flatMap(({ x }) => x)) : horizontal,
      yaxis: { type: log ? "log" : "linear", title: { text: escapeText(upright(words)) } },
    });
    if (!element.listens && element.on) {
      element.listens = true;
      element.on("plotly_relayout", (change) => { if (!element.makesRoom) this.zoom(name, change); });
      element.on("plotly_click", (event) => { const row = event.points[0]?.data.customdata?.[0]; if (row !== undefined) this.page.open(runs.ids[row]); });
    }
  }

  across(told, other) {
    const { state } = this.page;
    if (state.x === "time") return told.times.map((time) => new Date(time * 1000));
    if (!other) return told.steps.map(Number);
    const places = new Map(other.steps.map((step, i) => [Number(step), Number(other.values[i])]));
    return told.steps.map((step) => places.get(Number(step)) ?? null);
  }

  // The mean and the spread over one value, of runs that are the same in every other.
  bands(lines, over, colours) {
    const { runs } = this.page;
    const names = runs.valueNames("params").filter((name) => name !== over && !(over === "params.repeat" && name === "params.seed") && !(over === "params.seed" && name === "params.repeat"));
    const groups = new Map();
    for (const line of lines) {
      const key = JSON.stringify([show(runs.value(line.row, "experiment")), ...names.map((name) => show(runs.value(line.row, name)))]);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(line);
    }
    return [...groups.values()].flatMap((members) => {
      const at = new Map();
      for (const { x, y } of members) x.forEach((place, i) => { if (Number.isFinite(y[i])) { const key = Number(place); if (!at.has(key)) at.set(key, [place, []]); at.get(key)[1].push(y[i]); } });
      const points = [...at.entries()].sort((a, b) => a[0] - b[0]).map(([, [place, values]]) => [place, meanAndDeviation(values)]);
      const look = colours.of(members[0].row, members[0].i);
      const x = points.map(([place]) => place);
      const side = (sign) => points.map(([, { mean, std }]) => mean + sign * (std || 0));
      const label = `mean of ${members.length}`;
      return [
        { x, y: side(-1), mode: "lines", line: { width: 0 }, hoverinfo: "skip", type: "scatter" },
        { x, y: side(1), mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: withAlpha(look.colour, 0.18), hoverinfo: "skip", type: "scatter" },
        { x, y: points.map(([, { mean }]) => mean), mode: "lines", line: { color: look.colour, dash: look.dash, width: 2.4 }, name: label, type: "scatter", hovertemplate: `%{x} · %{y}<extra>${label}</extra>` },
      ];
    });
  }

  // Zoomed in, an envelope gives way to the points that are there.
  async zoom(name, change) {
    const { state, source } = this.page;
    if (!source.live || state.x !== "step") return;
    const low = change["xaxis.range[0]"] ?? change["xaxis.range"]?.[0];
    const high = change["xaxis.range[1]"] ?? change["xaxis.range"]?.[1];
    const whole = low === undefined;
    if (whole && !change["xaxis.autorange"]) return;
    const rows = this.page.chosenRows(50);
    const range = whole ? null : [state.logx ? 10 ** low : low, state.logx ? 10 ** high : high];
    if (range) this.ranges.set(name, range); else this.ranges.delete(name);
    const told = await each(rows, (row) => this.fetch(row, name, range));
    const color = state.color || this.telling(rows, [...this.charts.keys()], state.band);
    await this.draw(name, rows, told, null, colouring(this.page.runs, rows, color), state.band, color);
  }
}

export function smoothed(values, weight, log) {
  let sum = 0;
  let mass = 0;
  const [into, out] = log ? [Math.log, Math.exp] : [(x) => x, (x) => x];
  return values.map((value) => {
    const x = into(value);
    if (!Number.isFinite(x)) return value;
    sum = weight * sum + (1 - weight) * x;
    mass = weight * mass + (1 - weight);
    return out(sum / mass);
  });
}

export function fitsLog(values) {
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2 || finite.some((x) => x <= 0)) return false;
  const [low, high] = endsOf(finite);
  if (high / low < 1000) return false;
  const middle = finite.sort((a, b) => a - b)[Math.floor(finite.length / 2)];
  return middle < high / 10;
}

// What `track.configure` said of a series, in any of the runs that have it.
export function saidOf(told) {
  return Object.assign({}, ...told.map((one) => one.words || {}).reverse());
}

export function isLog(words, values) {
  return words.scale ? words.scale === "log" : fitsLog(values);
}

// The title of a chart, with the unit where no axis has it; and what stands at the axis of values.
export function heading(name, { title: own, unit, ylabel }) {
  return { text: escapeText(`${own || name}${unit && !ylabel ? ` [${unit}]` : ""}`), font: { size: 13 }, x: 0.02, xanchor: "left" };
}

export function upright({ unit, ylabel }) {
  return ylabel ? `${ylabel}${unit ? ` [${unit}]` : ""}` : "";
}

export function colourBar({ low, high, log }, text) {
  const ticks = [low, (low + high) / 2, high];
  return {
    x: [null], y: [null], mode: "markers", type: "scatter", hoverinfo: "skip", showlegend: false,
    marker: { color: [low], cmin: low, cmax: high, colorscale: plotlyScale(), showscale: true, colorbar: { title: { text: escapeText(text), side: "right" }, thickness: 10, tickvals: ticks, ticktext: ticks.map((x) => showNumber(log ? 10 ** x : x, 3)) } },
  };
}

// Plotly reads a little markup in its texts: what a user wrote is none.
export function escapeText(text) { return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"); }
function escapeTemplate(text) { return escapeText(text).replace(/%\{/g, "% {"); }

function withAlpha(colour, alpha) {
  if (colour.startsWith("rgb(")) return colour.replace("rgb(", "rgba(").replace(")", `,${alpha})`);
  const parts = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  return `rgba(${parts.join(",")},${alpha})`;
}

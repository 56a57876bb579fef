// A value against a result, a dot a run; a box drawn over dots chooses them in the table.
import {el, replace, choice} from "./dom.js";
import {isSpread, showCount, counted} from "./values.js";
import {title} from "./runs.js";
import {colouring, telling, legend} from "./colours.js";
import {draw} from "./charts.js";
import {flattened} from "./ranges.js";
import {colourBar, escapeText} from "./curves.js";

export class Scatter {
  constructor(page) {
    this.page = page;
    this.tools = el("div.tools");
    this.chart = el("div.chart.tall");
    this.told = el("p.same");
    this.element = el("section.view", {}, this.tools, this.told, this.chart);
  }

  async show() {
    const { runs, state } = this.page;
    let { rows } = this.page;
    const params = runs.valueNames("params");
    const results = runs.valueNames("results", "last").filter((name) => runs.isNumeric(name));
    const varied = runs.differing(rows, params).differs;
    const across = runs.column(state.across) ? state.across : varied[0] || params[0] || "started";
    const up = runs.column(state.up) ? state.up : results[0] || "duration";
    const all = rows.length;
    rows = rows.filter((row) => Number.isFinite(runs.position(row, across)) && Number.isFinite(runs.position(row, up)));
    const color = state.color || telling(runs, rows, [up], [across]);
    const names = [...params, ...runs.valueNames("results", "last"), "duration"].map((name) => [name, title(name)]);
    replace(this.tools, choice("across", across, names, (value) => state.set({ across: value })), choice("up", up, names, (value) => state.set({ up: value })),
      choice("colour", state.color, [["", "as it tells most"], ...varied.map((name) => [name, title(name)])], (value) => state.set({ color: value })));
    const colours = colouring(runs, rows, color);
    replace(this.told, rows.length < all ? `${showCount(rows.length)} of ${counted(all, "run")} have both` : null, ...legend(colours, runs, rows, color));
    const x = rows.map((row) => runs.position(row, across));
    const y = rows.map((row) => runs.position(row, up));
    const traces = [{
      x, y, mode: "markers", type: "scatter", customdata: rows, text: rows.map((row) => escapeText(`${runs.short[row]} ${this.page.caseText(row)}`)), hovertemplate: "%{text}<br>%{x} · %{y}<extra></extra>",
      marker: { size: rows.length > 2000 ? 4 : 8, opacity: rows.length > 2000 ? 0.5 : 0.85, color: rows.map((row, i) => colours.of(row, i).colour) },
    }];
    if (colours.bar) traces.push(colourBar(colours.bar, runs.named(color)));
    await draw(this.chart, traces, { dragmode: "select", height: 520, xaxis: this.axis(across, x), yaxis: this.axis(up, y) });
    if (!this.listens && this.chart.on) {
      this.listens = true;
      this.chart.on("plotly_selected", (event) => this.brush(event));
      this.chart.on("plotly_click", (event) => this.page.open(runs.ids[event.points[0].customdata]));
    }
    this.names = [across, up];
  }

  axis(name, values) {
    const { runs } = this.page;
    const settings = { title: { text: escapeText(runs.named(name)) } };
    if (!runs.isNumeric(name)) return { ...settings, tickvals: runs.categories(name).map((_, i) => i), ticktext: runs.categories(name).map(escapeText) };
    const numbers = values.filter(Number.isFinite);
    return flattened({ ...settings, type: isSpread(numbers) ? "log" : "linear" }, numbers);
  }

  brush(event) {
    const { state } = this.page;
    if (!event?.range) return;
    const ranges = { ...state.ranges };
    const [x, y] = [event.range.x, event.range.y].map((range) => [...range].sort((a, b) => a - b));
    ranges[this.names[0]] = x;
    ranges[this.names[1]] = y;
    state.set({ brushes: JSON.stringify(ranges) });
  }
}

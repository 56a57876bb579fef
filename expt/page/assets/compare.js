// What differs between the chosen runs: values, packages, surroundings, and code line by line.
import {el, replace} from "./dom.js";
import {show, counted, isNumber, showNumber} from "./values.js";
import {leaves} from "./runs.js";
import {each} from "./charts.js";
import {diffLines} from "./diff.js";

export class Compare {
  constructor(page) {
    this.page = page;
    this.body = el("div");
    this.element = el("section.view", {}, this.body);
    this.turn = 0;
  }

  async show() {
    const rows = this.page.chosenRows(2);
    if (rows.length < 2) { this.made = null; replace(this.body, el("p", {}, "select two runs or more in the table: with the box at the left, or the space bar")); return; }
    const turn = (this.turn += 1);
    const made = rows.map((row) => `${this.page.runs.ids[row]} ${this.page.version(this.page.runs.ids[row])}`).join();
    if (this.made === made) return;
    const told = await each(rows, (row) => this.page.source.run(this.page.runs.ids[row]));
    if (turn !== this.turn) return;
    const missing = told.findIndex((run) => !run);
    this.made = missing < 0 ? made : null;
    if (missing >= 0) { replace(this.body, el("p", {}, `this file does not hold all of ${this.page.runs.short[rows[missing]]}`)); return; }
    const head = el("tr", {}, el("th"), rows.map((row) => el("th", {}, this.page.link(row))), rows.length === 2 ? el("th", {}, "Δ") : null);
    const parts = [
      ["values", told.map((run) => Object.fromEntries(leaves(run.params)))],
      ["results", told.map((run) => Object.fromEntries(leaves(run.results)))],
      ["last", told.map((run) => run.last)],
      ["inputs", told.map((run) => run.inputs || {})],
      ["packages", told.map((run) => run.environment.packages || {})],
      ["environment", told.map((run) => Object.fromEntries(leaves({ ...run.environment, packages: "", git: "" })))],
      ["git", told.map((run) => run.environment.git || {})],
    ];
    const same = [];
    const body = parts.flatMap(([name, values]) => {
      const keys = [...new Set(values.flatMap(Object.keys))];
      const differing = keys.filter((key) => new Set(values.map((value) => JSON.stringify(show(value[key])))).size > 1);
      if (keys.length > differing.length) same.push(`${name} (${keys.length - differing.length})`);
      if (!differing.length) return [];
      return [el("tr.part", {}, el("th", { colSpan: rows.length + 2 }, name)), ...differing.map((key) => this.makeRow(name, key, values.map((value) => value[key]), told))];
    });
    const code = rows.length === 2 ? this.makeCode(told[0].code, told[1].code, same) : [];
    replace(this.body, body.length ? el("div.wide", {}, el("table.compare", {}, el("thead", {}, head), el("tbody", {}, body))) : el("p", {}, "no value differs"), code, el("p.same", {}, same.length ? `the same in all: ${same.join(", ")}` : ""));
  }

  makeRow(part, key, values, told) {
    const cells = values.map((value, i) => {
      const origin = part === "values" ? told[i].origins?.[key]?.[0] : null;
      return el(isNumber(value) ? "td.number" : "td", { title: origin ? `${origin.layer} ${origin.where || ""}` : null }, value === undefined ? "–" : typeof value === "number" ? String(value) : show(value));
    });
    let delta = null;
    if (values.length === 2) {
      const [a, b] = values;
      delta = el("td.number", {}, typeof a === "number" && typeof b === "number" && a ? `${b >= a ? "+" : "−"}${showNumber(Math.abs((b - a) / a) * 100, 2)} %` : "");
    }
    return el("tr", {}, el("th", {}, key), cells, delta);
  }

  makeCode(one, other, same) {
    const names = [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
    const differing = names.filter((name) => one[name] !== other[name]);
    if (names.length > differing.length) same.push(`code (${counted(names.length - differing.length, "file")})`);
    return differing.map((name) => el("div.file", {}, el("h3", {}, name), el("pre.diff", {}, diffLines(one[name] ?? "", other[name] ?? "").map(([sign, text]) => el(`span.${{ "+": "added", "-": "gone", "@": "place", " ": "kept" }[sign]}`, {}, sign === "@" ? `@@ ${text} @@\n` : `${sign}${text}\n`)))));
  }
}

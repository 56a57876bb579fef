// Images, arrays and texts of the chosen runs, all under one step slider.
import {el, replace, renew, check} from "./dom.js";
import {show} from "./values.js";
import {each, isMadeOf} from "./charts.js";
import {onScale} from "./colours.js";

export class Media {
  constructor(page) {
    this.page = page;
    this.tools = el("div.tools");
    this.range = el("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "step", oninput: () => this.move(Number(this.range.value)) });
    this.where = el("output");
    this.grid = el("div.media");
    this.told = el("p.same");
    this.element = el("section.view", {}, this.tools, el("label.step", {}, "step ", this.range, this.where), this.told, this.grid);
    this.turn = 0;
  }

  async show() {
    const { runs, state } = this.page;
    const rows = this.page.chosenRows(12);
    const names = Object.keys(runs.series).filter((name) => runs.series[name] !== "scalar" && rows.some((row) => runs.has(row, name)));
    const chosen = state.list("series").filter((name) => names.includes(name));
    const shown = chosen.length ? chosen : names.slice(0, 4);
    renew(this.tools, [names, shown], () => names.map((name) => check(`${name} (${runs.series[name]})`, shown.includes(name), (on) => state.setList("series", on ? [...shown, name] : shown.filter((n) => n !== name)))));
    if (!names.length) { replace(this.told, "these runs have no pictures, arrays or texts"); replace(this.grid); this.range.disabled = true; this.made = null; return; }
    replace(this.told, this.page.toldOfChoice(rows));
    const turn = (this.turn += 1);
    const cells = rows.flatMap((row) => shown.map((name) => ({ row, name })));
    const told = await each(cells, ({ row, name }) => this.fetch(row, name));
    if (turn !== this.turn) return;
    const made = [...rows, ...shown, ...told];
    if (!isMadeOf(made, this.made)) this.make(cells, rows, told);
    this.made = made;
    const asked = state.step === "" ? this.steps.length - 1 : this.steps.findLastIndex((step) => step <= Number(state.step));
    this.range.value = Math.max(0, asked);
    this.paint(Number(this.range.value));
  }

  make(cells, rows, told) {
    this.cells = cells.map((cell, i) => ({ ...cell, told: told[i] })).filter((cell) => cell.told && cell.told.count);
    this.steps = [...new Set(this.cells.flatMap((cell) => cell.told.steps.map(Number)))].sort((a, b) => a - b);
    this.range.disabled = this.steps.length < 2;
    this.range.max = Math.max(0, this.steps.length - 1);
    replace(this.grid, rows.map((row) => this.makeRow(row)).filter(Boolean));
  }

  async fetch(row, name) {
    return this.page.series(this.page.runs.ids[row], name);
  }

  makeRow(row) {
    const cells = this.cells.filter((cell) => cell.row === row);
    if (!cells.length) return null;
    for (const cell of cells) { cell.place = el("div.frame"); cell.caption = el("figcaption"); cell.at = -1; }
    return el("div.media-row", {}, el("h3", {}, this.page.link(row)), el("div.media-cells", {}, cells.map((cell) => el("figure", {}, el("div.name", {}, `${cell.told.words?.title || cell.name}${cell.told.words?.unit ? ` [${cell.told.words.unit}]` : ""}`), cell.place, cell.caption))));
  }

  move(place) {
    this.paint(place);
    this.page.state.set({ step: String(this.steps[place]) });
  }

  paint(place) {
    if (!this.steps?.length) return;
    const step = this.steps[place];
    this.where.textContent = ` ${step}`;
    for (const cell of this.cells) {
      let at = -1;
      cell.told.steps.forEach((own, i) => { if (Number(own) <= step && (at < 0 || Number(own) >= Number(cell.told.steps[at]))) at = i; });
      if (at < 0 && cell.told.steps.length) at = 0;
      if (at === cell.at) continue;
      cell.at = at;
      cell.caption.textContent = `step ${cell.told.steps[at]}`;
      this.fill(cell, at);
    }
  }

  async fill(cell, at) {
    const { runs, source } = this.page;
    const id = runs.ids[cell.row];
    if (cell.told.kind === "array") {
      const array = await source.array(id, cell.told, at).catch(() => null);
      if (cell.at === at) replace(cell.place, array ? heatMap(array) : el("em", {}, "not in this file"));
    } else if (cell.told.files) {
      const address = source.address(id, cell.told.files[at]);
      if (!address) { replace(cell.place, el("em", {}, "not in this file")); return; }
      const image = cell.place.querySelector("img") || el("img", { alt: `${cell.name} of ${runs.short[cell.row]}` });
      image.src = address;
      if (!image.isConnected) replace(cell.place, image);
    } else {
      const value = cell.told.values[at];
      replace(cell.place, el("pre", {}, typeof value === "string" ? value : show(value)));
    }
  }
}

// An array that is a picture, or numbers as one, a pixel each.
export function heatMap({ shape, low, high, width, pixels }) {
  const bytes = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
  const each = low === undefined ? 3 : 1;
  const canvas = el("canvas", { width, height: bytes.length / each / width, role: "img", "aria-label": `an array of shape ${shape.join(" × ")}` });
  const context = canvas.getContext("2d");
  for (let i = 0; i < bytes.length / each; i++) {
    if (each === 3) context.fillStyle = `rgb(${bytes.subarray(3 * i, 3 * i + 3).join(" ")})`;
    else context.fillStyle = bytes[i] ? onScale((bytes[i] - 1) / 254) : "#888888";
    context.fillRect(i % width, Math.floor(i / width), 1, 1);
  }
  const range = each === 3 ? "" : `, ${show(low)} to ${show(high)}`;
  return el("div", {}, canvas, el("small", {}, `${shape.join(" × ")}${range}`));
}

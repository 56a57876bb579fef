// The table of runs: only the rows that can be seen are made, whatever their number.
import {el, replace, check} from "./dom.js";
import {show, showNumber, showDuration, showTime, isNumber} from "./values.js";
import {title} from "./runs.js";

const HEIGHT = 28;
const ALWAYS = ["id", "experiment", "case", "status"];
const AFTER = ["duration", "started", "tags", "note"];

export class RunsTable {
  constructor(page) {
    this.page = page;
    this.cursor = 0;
    this.head = el("thead");
    this.body = el("tbody");
    this.table = el("table.runs", { role: "grid" }, this.head, this.body);
    this.scroll = el("div.scroll", { tabIndex: 0, onscroll: () => this.paint(), onkeydown: (event) => this.key(event) }, this.table);
    this.same = el("p.same");
    this.tools = el("div.tools");
    this.element = el("section.view", {}, this.tools, this.scroll, this.same);
  }

  show() {
    const { runs, rows, state } = this.page;
    this.names = this.columnNames();
    this.items = this.makeItems(rows);
    this.widths = this.names.map((name) => this.width(name));
    this.cursor = Math.min(this.cursor, Math.max(0, this.items.length - 1));
    const open = this.tools.querySelector("details")?.open;
    this.varied = runs.differing(rows, runs.valueNames("params"));
    replace(this.tools, this.makeGrouping(), check("only what differs", state.differing, (on) => state.set({ differing: on })), this.makeColumns(open));
    replace(this.head, this.makeHead());
    const { same } = this.varied;
    replace(this.same, state.differing && rows.length > 1 && same.length ? ["the same in all: ", same.map(([name, value]) => `${title(name)}=${value}`).join("  ")] : []);
    this.shown = null;
    this.paint();
  }

  columnNames() {
    const { runs, rows, state } = this.page;
    const asked = state.list("columns");
    const values = runs.valueNames("params", "results", "last");
    let names = asked.length ? asked : [...ALWAYS, ...values.filter((name) => !(name.startsWith("last.") && values.includes(`results.${name.slice(5)}`))), ...AFTER];
    if (!asked.length && state.differing && rows.length > 1) {
      const kept = new Set(["id", "status", "duration", "started", ...runs.differing(rows, names).differs]);
      names = names.filter((name) => kept.has(name) || name.startsWith("results."));
    }
    if (!asked.length) names = names.filter((name) => ALWAYS.includes(name) || runs.anyIn(rows, name));
    const pinned = state.list("pinned").filter((name) => runs.column(name));
    return ["id", ...pinned.filter((name) => name !== "id"), ...names.filter((name) => name !== "id" && !pinned.includes(name) && runs.column(name))];
  }

  makeItems(rows) {
    const group = this.page.state.list("group");
    if (!group.length) return rows.map((row) => ({ row }));
    return this.page.runs.groups(rows, group).flatMap((found) => [{ group: found }, ...found.rows.map((row) => ({ row, inside: true }))]);
  }

  width(name) {
    const { runs, rows } = this.page;
    let longest = title(name).length + 2;
    for (let i = 0; i < rows.length; i += Math.max(1, Math.floor(rows.length / 60))) longest = Math.max(longest, this.text(name, runs.value(rows[i], name)).length);
    return Math.min(Math.max(longest, 4), 44);
  }

  text(name, value) {
    if (name === "duration" || name === "setup") return showDuration(value);
    if (name === "started" && typeof value === "string") return showTime(value);
    if (name === "tags" && Array.isArray(value)) return value.join(", ");
    return value === null && !name.startsWith("params.") ? "" : show(value);
  }

  makeGrouping() {
    const { state } = this.page;
    const names = this.varied.differs;
    const chosen = state.list("group");
    const known = [...new Set([...names, ...chosen, "experiment"])];
    return el("label.choice", {}, "group by ", el("select", {
      onchange: (event) => { const name = event.target.value; if (name) state.setList("group", chosen.includes(name) ? chosen.filter((n) => n !== name) : [...chosen, name]); },
    }, el("option", { value: "" }, chosen.length ? chosen.map(title).join(", ") : "nothing"), known.map((name) => el("option", { value: name }, `${chosen.includes(name) ? "− " : "+ "}${title(name)}`))));
  }

  makeColumns(open) {
    const { runs, state } = this.page;
    const shown = new Set(this.names);
    const all = [...runs.columns.keys()];
    const set = (name, on) => state.setList("columns", on ? [...this.names, name] : this.names.filter((n) => n !== name));
    return el("details.columns", { open: !!open }, el("summary", {}, `${this.names.length} of ${all.length} columns`),
      el("div.menu", {}, el("button", { onclick: () => state.set({ columns: "" }) }, "as at first"), all.map((name) => check(name, shown.has(name), (on) => set(name, on)))));
  }

  makeHead() {
    const { state } = this.page;
    const pinned = new Set(["id", ...state.list("pinned")]);
    const box = el("input", { type: "checkbox", title: "select all that are shown", onchange: (event) => this.page.select(event.target.checked ? this.page.rows.map((row) => this.page.runs.ids[row]) : []) });
    return el("tr", {}, el("th.pick", {}, box), this.names.map((name, i) => {
      const sorted = state.sort.replace(/^-/, "") === name ? (state.sort.startsWith("-") ? "descending" : "ascending") : null;
      const arrow = sorted ? (sorted === "ascending" ? " ▲" : " ▼") : "";
      const label = el("button.sort", { title: name, onclick: () => state.set({ sort: sorted === "ascending" ? `-${name}` : name }) }, title(name), arrow);
      const pin = name === "id" ? null : el("button.pin", { title: pinned.has(name) ? "let go" : "keep at the left", "aria-pressed": String(pinned.has(name)), onclick: () => state.setList("pinned", pinned.has(name) ? state.list("pinned").filter((n) => n !== name) : [...state.list("pinned"), name]) }, "◂");
      const cell = el("th", { "aria-sort": sorted || "none" }, label, pin);
      cell.style.width = `${this.widths[i] + 2.5}ch`;
      return cell;
    }));
  }

  paint() {
    if (!this.items) return;
    const first = Math.max(0, Math.floor(this.scroll.scrollTop / HEIGHT) - 10);
    const count = Math.ceil((this.scroll.clientHeight || 600) / HEIGHT) + 20;
    const end = Math.min(this.items.length, first + count);
    const key = `${first}-${end}-${this.cursor}`;
    if (this.shown === key) return;
    this.shown = key;
    const space = (rows) => { const row = el("tr.space", {}, el("td", { colSpan: this.names.length + 1 })); row.style.height = `${rows * HEIGHT}px`; return row; };
    replace(this.body, first ? space(first) : null, this.items.slice(first, end).map((item, i) => this.makeRow(item, first + i)), end < this.items.length ? space(this.items.length - end) : null);
    if (!this.items.length) replace(this.body, el("tr", {}, el("td.none", { colSpan: this.names.length + 1 }, this.page.runs.count ? "no run is like that" : "there are no runs yet")));
  }

  makeRow(item, place) {
    const { runs, selected, state } = this.page;
    const at = place === this.cursor ? ".at" : "";
    if (item.group) {
      const { values, rows } = item.group;
      const group = state.list("group");
      return el(`tr.group${at}`, {}, el("td.pick"), this.names.map((name) => {
        const place = group.indexOf(name);
        if (place >= 0) return el("td", {}, show(values[place]));
        if (name === "id") return el("td", {}, `${rows.length} runs`);
        if (!/^(results|last)\.|^duration$/.test(name)) return el("td");
        const { n, mean, std } = runs.summary(rows, name);
        const [told, spread] = name === "duration" ? [showDuration, showDuration] : [(x) => showNumber(x, 4), (x) => showNumber(x, 2)];
        return el("td.number", {}, n ? `${told(mean)}${std === null ? "" : ` ± ${spread(std)}`}` : "");
      }));
    }
    const id = runs.ids[item.row];
    const box = el("input", { type: "checkbox", checked: selected.has(id), "aria-label": `select ${runs.short[item.row]}`, onclick: (event) => this.page.toggle(id, event.shiftKey ? this.range(place) : null) });
    return el(`tr${at}${selected.has(id) ? ".selected" : ""}`, { ondblclick: () => this.page.open(id) }, el("td.pick", {}, box), this.names.map((name) => this.makeCell(item.row, id, name)));
  }

  range(place) {
    const [low, high] = [Math.min(this.cursor, place), Math.max(this.cursor, place)];
    this.cursor = place;
    return this.items.slice(low, high + 1).filter((item) => item.row !== undefined).map((item) => this.page.runs.ids[item.row]);
  }

  makeCell(row, id, name) {
    const { runs } = this.page;
    const value = runs.value(row, name);
    const text = this.text(name, value);
    if (name === "id") return el("td.id", {}, el("a", { href: `#view=run&open=${id}`, onclick: (event) => { event.preventDefault(); this.page.open(id); } }, text));
    if (name === "status") return el(`td.status.${text}`, {}, text);
    return el(isNumber(value) ? "td.number" : "td", { title: text.length > 40 ? text : null }, text);
  }

  key(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20, j: 1, k: -1 };
    if (event.target.tagName === "INPUT" && event.key === " ") return;
    if (event.key in moves) {
      this.cursor = Math.max(0, Math.min(this.items.length - 1, this.cursor + moves[event.key]));
      const top = this.cursor * HEIGHT;
      if (top < this.scroll.scrollTop + HEIGHT) this.scroll.scrollTop = Math.max(0, top - HEIGHT);
      if (top > this.scroll.scrollTop + this.scroll.clientHeight - 3 * HEIGHT) this.scroll.scrollTop = top - this.scroll.clientHeight + 3 * HEIGHT;
      this.paint();
    } else if ((event.key === " " || event.key === "Enter") && this.items[this.cursor]?.row !== undefined && event.target === this.scroll) {
      const id = this.page.runs.ids[this.items[this.cursor].row];
      if (event.key === " ") this.page.toggle(id); else this.page.open(id);
    } else return;
    event.preventDefault();
  }

  focus() { this.scroll.focus(); }
}

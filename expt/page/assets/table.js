// The table of runs: only the rows that can be seen are made, whatever their number.
import {el, replace, renew, check} from "./dom.js";
import {show, counted, showNumber, showDuration, showTime, isNumber} from "./values.js";
import {title} from "./runs.js";

const HEIGHT = 28;
const OVERSCAN = 3; // rows above and below what can be seen
const SAMPLE = 100; // rows that say how wide a column is, whichever are shown: it stays as wide
const SUMMED = /^(results|last)\.|^duration$/; // columns of which a group has the mean
const SPARE = 2.5; // of a column, for what stands beside its text
const ALWAYS = ["id", "experiment", "case", "status"];
const AFTER = ["duration", "started", "tags", "note"];

export class RunsTable {
  constructor(page) {
    this.page = page;
    this.cursor = 0;
    this.head = el("thead");
    this.body = el("tbody");
    this.table = el("table.runs", { role: "grid" }, this.head, this.body);
    this.scroll = el("div.scroll", { tabIndex: 0, onscroll: () => this.move(), onkeydown: (event) => this.key(event) }, this.table);
    this.above = el("tr.space", {}, el("td"));
    this.below = el("tr.space", {}, el("td"));
    this.top = 0; // of what is seen; asked of the element while it is changed, it would be laid out twice
    this.height = 600;
    new ResizeObserver(() => this.move()).observe(this.scroll);
    this.same = el("div.same");
    this.slots = [];
    this.made = new Map();
    this.tools = el("div.tools");
    this.element = el("section.view", {}, this.tools, this.scroll, this.same);
  }

  show() {
    const { runs, rows, state } = this.page;
    this.names = this.columnNames();
    this.items = this.makeItems(rows);
    this.widths = this.names.map((name) => this.width(name));
    this.cursor = Math.min(this.cursor, Math.max(0, this.items.length - 1));
    this.varied = runs.differing(this.page.found, runs.valueNames("params"));
    const { differs, same } = this.varied;
    this.renew("tools", [this.names, runs.columns.size, differs, state.group, state.differing, state.columns], () => {
      const open = this.tools.querySelector("details")?.open;
      replace(this.tools, this.makeGrouping(), check("only what differs", state.differing, (on) => state.set({ differing: on })), this.makeColumns(open));
    });
    this.renew("head", [this.names, this.widths, state.pinned], () => {
      replace(this.head, this.makeHead());
      this.table.style.width = `calc(30px + ${this.widths.reduce((sum, width) => sum + width + SPARE, 0)}ch)`;
    });
    this.markSorted();
    const { selected } = this.page;
    this.head.querySelector("input").checked = selected.size > 0 && rows.every((row) => selected.has(runs.ids[row]));
    this.renew("slots", [this.names], () => { this.slots = []; });
    const told = state.differing && rows.length > 1 && same.length ? `the same in all: ${same.map(([name, value]) => `${title(name)}=${value}`).join("  ")}` : "";
    renew(this.same, [told, runs.damaged], () => [told, damages(runs.damaged)]);
    this.shown = null;
    this.paint();
  }

  // Make a part of the table again if what it is made of is not what it was.
  renew(part, from, make) {
    const key = JSON.stringify(from);
    if (this.made.get(part) !== key) { this.made.set(part, key); make(); }
  }

  columnNames() {
    const { runs, found, state } = this.page;
    const asked = state.list("columns");
    const values = runs.valueNames("params", "results", "last");
    let names = asked.length ? asked : [...ALWAYS, ...values.filter((name) => !(name.startsWith("last.") && values.includes(`results.${name.slice(5)}`))), ...AFTER];
    if (!asked.length && state.differing && found.length > 1) {
      const kept = new Set(["id", "status", "duration", "started", ...runs.differing(found, names).differs]);
      names = names.filter((name) => kept.has(name) || name.startsWith("results."));
    }
    if (!asked.length) names = names.filter((name) => ALWAYS.includes(name) || runs.about(found, name).any);
    const pinned = state.list("pinned").filter((name) => runs.column(name));
    return ["id", ...pinned.filter((name) => name !== "id"), ...names.filter((name) => name !== "id" && !pinned.includes(name) && runs.column(name))];
  }

  // What stands below each other: a group, or the number of a run's row.
  makeItems(rows) {
    const group = this.page.state.list("group");
    return group.length ? this.page.runs.groups(rows, group).flatMap((found) => [found, ...found.rows]) : rows;
  }

  width(name) {
    const { runs } = this.page;
    let longest = runs.named(name).length + 2;
    if (this.page.state.group) longest = Math.max(longest, name === "id" ? counted(runs.count, "run").length : SUMMED.test(name) ? 18 : 0);
    for (let row = 0; row < runs.count; row += Math.max(1, Math.floor(runs.count / SAMPLE))) longest = Math.max(longest, this.text(name, runs.value(row, name)).length);
    return Math.min(Math.max(longest, 4), 44);
  }

  text(name, value) {
    if (name === "duration" || name === "setup") return showDuration(value);
    if (name === "started" && typeof value === "string") return showTime(value);
    if (name === "experiment" && typeof value === "string") return value.slice(this.page.runs.sharedFolder.length);
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
    const { runs, state } = this.page;
    const pinned = new Set(["id", ...state.list("pinned")]);
    this.arrows = new Map();
    const box = el("input", { type: "checkbox", title: "select all that are shown", onchange: (event) => this.page.select(event.target.checked ? this.page.rows.map((row) => this.page.runs.ids[row]) : []) });
    return el("tr", {}, el("th.pick", {}, box), this.names.map((name, i) => {
      const arrow = el("span");
      const label = el("button.sort", { title: name, onclick: () => state.set({ sort: state.sort === name ? `-${name}` : name }) }, runs.named(name), arrow);
      const pin = name === "id" ? null : el("button.pin", { title: pinned.has(name) ? "let go" : "keep at the left", "aria-pressed": String(pinned.has(name)), onclick: () => state.setList("pinned", pinned.has(name) ? state.list("pinned").filter((n) => n !== name) : [...state.list("pinned"), name]) }, "◂");
      const cell = el(runs.isNumeric(name) ? "th.number" : "th", {}, label, pin);
      cell.style.width = `${this.widths[i] + SPARE}ch`;
      this.arrows.set(name, { arrow, cell });
      return cell;
    }));
  }

  markSorted() {
    const { sort } = this.page.state;
    for (const [name, { arrow, cell }] of this.arrows) {
      const sorted = sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none";
      if (cell.getAttribute("aria-sort") === sorted) continue;
      cell.setAttribute("aria-sort", sorted);
      arrow.textContent = { ascending: " ▲", descending: " ▼", none: "" }[sorted];
    }
  }

  move() {
    this.top = this.scroll.scrollTop;
    this.height = this.scroll.clientHeight || this.height;
    this.paint();
  }

  paint() {
    if (!this.items) return;
    const count = Math.ceil(this.height / HEIGHT) + 2 * OVERSCAN;
    const first = Math.max(0, Math.min(Math.floor(this.top / HEIGHT) - OVERSCAN, this.items.length - count));
    const end = Math.min(this.items.length, first + count);
    const key = `${first}-${end}-${this.cursor}`;
    if (this.shown === key) return;
    this.shown = key;
    const selected = this.page.selected;
    const rowOf = (item, i) => (item.rows ? this.makeGroup(item, first + i) : this.fill(i, item, first + i, selected));
    const rows = this.items.slice(first, end).map(rowOf);
    const laid = [...this.space(this.above, first), ...rows, ...this.space(this.below, this.items.length - end)];
    if (laid.length !== this.laid?.length || laid.some((row, i) => row !== this.laid[i])) replace(this.body, laid);
    this.laid = laid;
    if (!this.items.length) this.laid = replace(this.body, el("tr", {}, el("td.none", { colSpan: this.names.length + 1 }, this.page.runs.count ? "no run is like that" : "there are no runs yet")));
  }

  // Room for rows that are not made.
  space(row, count) {
    row.style.height = `${count * HEIGHT}px`;
    row.firstChild.colSpan = this.names.length + 1;
    return count ? [row] : [];
  }

  makeGroup({ values, rows }, place) {
    const { runs, state } = this.page;
    const group = state.list("group");
    return el(`tr.group${place === this.cursor ? ".at" : ""}`, {}, el("td.pick"), this.names.map((name) => {
      const place = group.indexOf(name);
      if (place >= 0) return el(isNumber(values[place]) ? "td.number" : "td", {}, show(values[place]));
      if (name === "id") return el("td", {}, counted(rows.length, "run"));
      if (!SUMMED.test(name)) return el("td");
      const { n, mean, std } = runs.summary(rows, name);
      const [told, spread] = name === "duration" ? [showDuration, showDuration] : [(x) => showNumber(x, 4), (x) => showNumber(x, 2)];
      return el("td.number", {}, n ? `${told(mean)}${std === null ? "" : ` ± ${spread(std)}`}` : "");
    }));
  }

  // The row of a run: made once, and filled again for whichever run stands there now.
  fill(index, row, place, selected) {
    const { runs } = this.page;
    const slot = (this.slots[index] ??= this.makeSlot());
    const id = runs.ids[row];
    const look = [place === this.cursor && "at", selected.has(id) && "selected"].filter(Boolean).join(" ");
    if (slot.look !== look) slot.row.className = look;
    if (slot.id !== id) {
      slot.box.setAttribute("aria-label", `select ${runs.short[row]}`);
      if (slot.link) slot.link.href = `#view=run&open=${id}`;
    }
    slot.box.checked = selected.has(id);
    Object.assign(slot, { id, place, look });
    this.names.forEach((name, i) => this.put(slot.cells[i], name, runs.value(row, name), this.widths[i]));
    return slot.row;
  }

  makeSlot() {
    const slot = { link: el("a") };
    slot.cells = this.names.map((name) => {
      const text = document.createTextNode("");
      if (name === "id") slot.link.append(text);
      return { text, cell: name === "id" ? el("td.id", {}, slot.link) : el("td", {}, text), look: "" };
    });
    slot.box = el("input", { type: "checkbox", onclick: (event) => this.page.toggle(slot.id, event.shiftKey ? this.range(slot.place) : null) });
    slot.row = el("tr", { ondblclick: () => this.page.open(slot.id) }, el("td.pick", {}, slot.box), slot.cells.map(({ cell }) => cell));
    slot.link.addEventListener("click", (event) => { event.preventDefault(); this.page.open(slot.id); });
    return slot;
  }

  // Only what is not there yet is written: each writing costs the browser more than the comparison.
  put(place, name, value, width) {
    const { cell } = place;
    const text = this.text(name, value);
    const look = name === "id" ? "id" : name === "status" ? `status ${text}` : isNumber(value) ? "number" : "";
    if (place.look !== look) { place.look = look; cell.className = look; }
    if (place.text.data === text) return;
    place.text.data = text;
    if (text.length > width) cell.title = text; else if (cell.title) cell.removeAttribute("title");
  }

  range(place) {
    const [low, high] = [Math.min(this.cursor, place), Math.max(this.cursor, place)];
    this.cursor = place;
    return this.items.slice(low, high + 1).filter((item) => !item.rows).map((row) => this.page.runs.ids[row]);
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
    } else if ((event.key === " " || event.key === "Enter") && typeof this.items[this.cursor] === "number" && event.target === this.scroll) {
      const id = this.page.runs.ids[this.items[this.cursor]];
      if (event.key === " ") this.page.toggle(id); else this.page.open(id);
    } else return;
    event.preventDefault();
  }

  focus() { this.scroll.focus(); }
}

// Archives that cannot be read, each with its reason.
function damages(damaged) {
  return damaged.length ? el("details", {}, el("summary.error", {}, `${counted(damaged.length, "archive")} cannot be read`), damaged.map(([place, why]) => el("p", {}, `${place}: ${why}`))) : null;
}

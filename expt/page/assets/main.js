// The page: one state, one table of runs, and the views that show them.
import {el, replace, renew} from "./dom.js";
import {openSource} from "./source.js";
import {Runs} from "./runs.js";
import {show, showCount, counted} from "./values.js";
import {State} from "./state.js";
import {RunsTable} from "./table.js";
import {Curves} from "./curves.js";
import {Parallel} from "./parallel.js";
import {Scatter} from "./scatter.js";
import {Media} from "./media.js";
import {Compare} from "./compare.js";
import {Detail} from "./detail.js";
import {Fetched, PACE, REST, FRAME, LONGEST, ROUND} from "./charts.js";

const VIEWS = { runs: RunsTable, curves: Curves, parallel: Parallel, scatter: Scatter, media: Media, compare: Compare, run: Detail };
const DARK = window.matchMedia("(prefers-color-scheme: dark)");
const GATHERED = 200; // milliseconds in which what comes is shown at once
const KEYS = "1 to 7 views · / filter · arrows move · space selects · enter opens · esc back to the table · t dark or light";

class Page {
  constructor(root, source, runs) {
    this.root = root;
    this.source = source;
    this.runs = runs;
    this.versions = new Map();
    this.fetched = new Fetched();
    this.took = 0;
    this.views = new Map();
    this.state = new State((state, names) => this.changed(names));
    this.filter = el("input.filter", { type: "search", placeholder: "lr < 0.1 and results.accuracy > 0.9", "aria-label": "filter", spellcheck: false, oninput: () => this.state.set({ where: this.filter.value }) });
    this.told = el("output.told");
    this.chips = el("div.chips");
    this.tabs = el("nav", { role: "tablist" });
    this.main = el("main");
    root.append(el("header", {}, el("strong", {}, "expt"), this.tabs, this.filter, this.told), this.chips, this.main, el("footer", {}, source.cut ? el("span.cut", {}, source.cut, " · ") : null, KEYS));
    document.addEventListener("keydown", (event) => this.key(event));
    DARK.addEventListener("change", () => this.changed(["theme"]));
    this.filter.value = this.state.where;
    this.theme();
    this.update();
    if (source.live) this.follow();
  }

  get selected() {
    const { selected } = this.state;
    if (this.parsed?.text !== selected) this.parsed = { text: selected, ids: new Set(this.state.list("selected")) };
    return this.parsed.ids;
  }

  changed(names) {
    if (names.includes("theme")) this.theme();
    if (document.activeElement !== this.filter) this.filter.value = this.state.where;
    this.update();
  }

  theme() {
    const wanted = this.state.theme || (DARK.matches ? "dark" : "light");
    document.documentElement.dataset.theme = wanted;
  }

  update() {
    const { state } = this;
    try {
      this.found = this.runs.chosen({ where: state.where, brushes: state.brushes });
      this.rows = this.runs.inOrder(this.found, state.sort);
      this.filter.setCustomValidity("");
      const selected = this.selected.size;
      const more = this.runs.more ? `, ${showCount(this.runs.more)} more are being read` : "";
      this.tell(`${this.rows.length === this.runs.count ? "" : `${showCount(this.rows.length)} of `}${counted(this.runs.count, "run")}${selected ? `, ${showCount(selected)} selected` : ""}${more}`);
    } catch (error) {
      this.found ??= [...this.runs.ids.keys()];
      this.rows = this.runs.inOrder(this.found, state.sort);
      this.filter.setCustomValidity(error.message);
      this.tell(error.message, "told error");
    }
    renew(this.chips, [state.brushes, this.selected.size], () => [
      ...Object.keys(state.ranges).map((name) => el("button.chip", { onclick: () => state.setRange(name, null), title: "let go" }, `${name}: ${state.ranges[name].map((x) => show(Number(x.toPrecision(3)))).join(" … ")} ×`)),
      this.selected.size ? el("button.chip", { onclick: () => this.select([]) }, `${this.selected.size} selected ×`) : null]);
    if (this.seen !== state.view) {
      this.seen = state.view;
      replace(this.tabs, Object.keys(VIEWS).map((name, i) => el("button", { role: "tab", "aria-selected": String(name === state.view), title: `key ${i + 1}`, onclick: () => state.set({ view: name }) }, name)));
      this.tabs.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    const view = this.view();
    if (!view.element.isConnected) replace(this.main, view.element);
    return view.show();
  }

  tell(text, look = "told") {
    renew(this.told, text, () => text);
    this.told.className = look;
  }

  view() {
    const name = this.state.view in VIEWS ? this.state.view : "runs";
    if (!this.views.has(name)) this.views.set(name, new VIEWS[name](this));
    return this.views.get(name);
  }

  // The runs that a view shows: the selected ones, else the first that the filter leaves.
  chosenRows(most) {
    const selected = this.selected;
    const rows = selected.size ? [...selected].map((id) => this.runs.rows.get(id)).filter((row) => row !== undefined) : this.rows.slice(0, most);
    return rows;
  }

  toldOfChoice(rows) {
    if (this.selected.size || rows.length === this.rows.length) return counted(rows.length, "run");
    return `the first ${rows.length} of ${counted(this.rows.length, "run")}: select others in the table`;
  }

  caseText(row) {
    const name = this.runs.value(row, "case");
    return typeof name === "string" ? name : show(this.runs.value(row, "experiment")).split("::").pop();
  }

  link(row) {
    const id = this.runs.ids[row];
    return el("a", { href: `#view=run&open=${id}`, onclick: (event) => { event.preventDefault(); this.open(id); } }, this.runs.short[row], " ", el("small", {}, this.caseText(row)));
  }

  select(ids) { this.state.setList("selected", ids); }

  toggle(id, range = null) {
    const selected = new Set(this.selected);
    const on = !selected.has(id);
    for (const one of range || [id]) if (on) selected.add(one); else selected.delete(one);
    this.select(selected);
  }

  open(id) { this.state.set({ view: "run", open: id }); }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName) && event.target.type !== "checkbox" && event.target.type !== "range";
    if (event.key === "Escape") {
      if (typing) event.target.blur(); else this.state.set({ view: "runs" });
    } else if (typing) return;
    else if (event.key === "/") { this.filter.focus(); this.filter.select(); event.preventDefault(); }
    else if (event.key === "t") this.state.set({ theme: document.documentElement.dataset.theme === "dark" ? "light" : "dark" });
    else if (/^[1-7]$/.test(event.key)) this.state.set({ view: Object.keys(VIEWS)[Number(event.key) - 1] });
    else if (["ArrowDown", "ArrowUp", "j", "k", " ", "Enter"].includes(event.key) && this.state.view === "runs" && !event.defaultPrevented && event.target === document.body) this.view().focus();
  }

  // What the server tells of runs that began, went on or ended.
  take(outline) {
    this.runs.merge(outline);
    this.note(outline.id);
    this.soon();
  }

  // A series of a run, which is fetched once and then goes on by what is told of it.
  async series(id, name) {
    const row = this.runs.rows.get(id);
    const version = row !== undefined && this.isLive(row) ? `${this.versions.get(`${id} ${name}`) || 0}` : this.version(id, name);
    return row === undefined || this.runs.has(row, name) ? this.fetched.get(`${id} ${name}`, version, () => this.source.series(id, name)) : null;
  }

  isLive(row) { return this.source.live && this.runs.value(row, "status") === "running"; }

  // What changes when a run, or one series of it, is no longer what it was.
  version(id, name = "") { return `${this.versions.get(id) || 0} ${(name && this.versions.get(`${id} ${name}`)) || 0}`; }

  note(key) { this.versions.set(key, (this.versions.get(key) || 0) + 1); }

  // Go on with what is told of all runs, and of what changes.
  async follow() {
    if (this.runs.more) await this.renew("known=whole");
    this.source.listen((change) => this.hear(change));
  }

  async renew(known) {
    this.runs = new Runs(await this.source.table(known));
    this.soon();
  }

  async hear(change) {
    if (change.gone) {
      await this.renew();
      this.follow();
      return;
    }
    PACE.pages = change.pages;
    for (const outline of change.runs) this.runs.merge(outline);
    for (const outline of change.runs) this.note(outline.id);
    for (const [id, series] of Object.entries(change.points)) {
      for (const [name, news] of Object.entries(series)) {
        this.runs.setLast(id, name, news[1]);
        if (!this.fetched.extend(`${id} ${name}`, news)) this.note(`${id} ${name}`);
      }
      this.note(`${id} points`);
    }
    if (change.runs.length || Object.keys(change.points).length) this.soon();
  }

  // Show what came, but no more often than it may cost a run that goes on beside the page. Of several
  // pages each has a moment of its own: drawn at once they would keep all processors from the run.
  soon() {
    this.isNews = true;
    if (this.waiting) return;
    this.waiting = true;
    const rested = performance.now() - this.ended;
    const alone = () => Math.max(GATHERED, Math.min(REST * (this.took + FRAME), LONGEST) - rested || 0);
    setTimeout(() => this.showNews(), PACE.pages > 1 ? untilTurn() : alone());
  }

  async showNews() {
    const begun = performance.now();
    this.isNews = false;
    try {
      if (!document.activeElement?.matches("#page .labels input")) await this.update();
    } finally {
      this.ended = performance.now();
      this.took = this.ended - begun;
      this.waiting = false;
      if (this.isNews) this.soon();
    }
  }
}

// Milliseconds until the moment of this page comes round.
function untilTurn() {
  const moment = ROUND * (document.documentElement.dataset.moment || 0);
  return (((moment - Date.now()) % ROUND) + ROUND) % ROUND;
}

async function start() {
  const root = document.getElementById("page");
  try {
    const source = await openSource();
    const waiting = el("p.waiting", {}, "reading the runs …");
    root.append(waiting);
    const told = await source.table("known=1");
    waiting.remove();
    const begun = performance.now();
    const page = new Page(root, source, new Runs(told));
    document.documentElement.dataset.ready = String(Math.round(performance.now() - begun));
    document.documentElement.dataset.runs = String(page.runs.count);
  } catch (error) {
    replace(root, el("p.error", {}, `the page cannot be shown: ${error.message}`));
  }
}

start();

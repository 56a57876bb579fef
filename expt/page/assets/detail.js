// One run in full: what it was given and from where, what it left, how it ended, how to run it again.
import {el, replace, arrange} from "./dom.js";
import {show, showDuration, showTime, isNumber} from "./values.js";
import {leaves} from "./runs.js";
import {draw, clear, each, isMadeOf} from "./charts.js";
import {heading, upright, saidOf, isLog, escapeText} from "./curves.js";

export class Detail {
  constructor(page) {
    this.page = page;
    this.body = el("div");
    this.element = el("section.view", {}, this.body);
    this.turn = 0;
    this.parts = new Map(); // name → what a part of the page was made of, and its element
    this.charts = new Map();
  }

  async show() {
    const { runs, state, source } = this.page;
    const id = state.open || runs.ids[this.page.rows[0]];
    if (!id) { this.say(el("p", {}, "there are no runs yet")); return; }
    const turn = (this.turn += 1);
    const version = `${id} ${this.page.version(id)}`;
    const made = [version, this.page.version(id, "points"), document.documentElement.dataset.theme].join();
    if (this.made === made) return;
    let run = null;
    try { run = this.version === version ? { ...this.run, ...await source.run(id, true) } : await source.run(id); } catch (error) { this.say(el("p.error", {}, error.message)); return; }
    if (turn !== this.turn) return;
    [this.version, this.run] = [run && this.page.isLive(runs.rows.get(id)) ? version : null, run];
    if (this.shown === id && this.body.querySelector(".labels input:focus")) return; // being written
    if (!run) { this.say(el("p", {}, "this file holds the values of this run, not its series, code and log")); return; }
    if (run.damaged) { this.say(el("p.error", {}, `this archive is damaged: ${run.damaged}`)); return; }
    if (this.shown !== id) this.forget();
    this.shown = id;
    this.made = made;
    this.damage = { ...run.damage, packages: run.damage.environment };
    const log = this.body.querySelector("pre.log");
    const atEnd = !log || log.scrollTop + log.clientHeight > log.scrollHeight - 8;
    const parts = [
      this.part("name", run.id, () => el("h2", {}, `${run.experiment}${run.case ? `[${run.case}]` : ""} `, el("span.id", {}, run.short))),
      this.part("description", run.description, () => el("p", {}, run.description || "")),
      this.part("status", [run.status, run.duration], () => el("p", {}, el(`span.status.${run.status}`, {}, run.status), ` ${showTime(run.started)}, ${showDuration(run.duration)}${run.setup ? ` and ${showDuration(run.setup)} of set-up` : ""}`)),
      this.part("labels", [run.tags, run.note], () => this.makeLabels(run)),
      Object.keys(run.damage).length ? this.section("damaged", run.damage, () => this.makePairs(Object.entries(run.damage))) : null,
      run.error ? this.section("error", run.error, () => el("pre.error", {}, run.error.traceback || `${run.error.type}: ${run.error.message}`)) : null,
      run.notices.length ? this.section("notices", run.notices, () => el("ul", {}, run.notices.map((notice) => el("li", {}, notice)))) : null,
      this.section("results", run.results, () => this.makePairs(leaves(run.results))),
      this.section("series", "", () => (this.grid = el("div.grid"))),
      this.section("values", [run.params, run.origins], () => this.makeValues(run)),
      this.makePictures(run),
      (run.panels || []).map((panel, i) => this.section(panel.title, [panel, document.documentElement.dataset.theme], () => this.makePanel(run, panel), { key: `panel ${i}` })),
      this.section("log", run.log, () => el("pre.log", {}, run.log || "nothing was printed")),
      this.section("lineage", run.lineage, () => this.makePairs(leaves(run.lineage).filter(([, value]) => value !== null && show(value) !== "" && show(value) !== "[]" && show(value) !== "{}"))),
      Object.keys(run.inputs || {}).length ? this.section("inputs", run.inputs, () => this.makePairs(leaves(run.inputs))) : null,
      Object.keys(run.artifacts).length ? this.section("artifacts", run.artifacts, () => this.makePairs(Object.entries(run.artifacts).map(([name, size]) => [name, `${size} bytes`]))) : null,
      this.section("run it again", run.path, () => el("pre", {}, `expt rerun ${run.short}\nexpt show ${run.short}\n${run.path}`)),
      this.section("code", run.code, () => Object.entries(run.code).map(([name, text]) => el("details", {}, el("summary", {}, name), el("pre.code", {}, text))), { closed: true }),
      this.section("environment", run.environment, () => this.makePairs(leaves({ ...run.environment, packages: "" })), { closed: true }),
      this.section("packages", run.environment.packages, () => this.makePairs(Object.entries(run.environment.packages || {})), { closed: true }),
    ].flat().filter(Boolean);
    const place = log?.scrollTop;
    arrange(this.body, parts);
    const now = this.body.querySelector("pre.log");
    if (now) now.scrollTop = atEnd ? now.scrollHeight : place;
    await this.drawSeries(run);
  }

  say(element) {
    this.forget();
    replace(this.body, element);
  }

  forget() {
    for (const chart of this.charts.values()) clear(chart);
    this.charts.clear();
    this.parts.clear();
    this.shown = this.made = this.version = null;
  }

  // A part of the page, made anew where what it is made of is no longer what it was.
  part(name, from, make) {
    const key = JSON.stringify(from, (_, value) => (typeof value === "bigint" || Number.isNaN(value) ? String(value) : value));
    if (this.parts.get(name)?.key !== key) this.parts.set(name, { key, element: make(this.parts.get(name)?.element) });
    return this.parts.get(name).element;
  }

  // One with a title, which stays as open as it was.
  section(name, from, make, { key = name, closed = false } = {}) {
    const why = this.damage[name]; // it cannot be read, and nothing is said of what it held
    return this.part(key, [from, why], (before) => {
      const open = before ? before.open : !closed;
      return el("details.section", { open }, el("summary", {}, name), why ? el("p.error", {}, `damaged: ${why}`) : make());
    });
  }

  makePairs(pairs) {
    return pairs.length ? el("table.pairs", {}, pairs.map(([name, value]) => el("tr", {}, el("th", {}, name), el(isNumber(value) ? "td.number" : "td", {}, show(value))))) : el("p", {}, "none");
  }

  makeValues(run) {
    return el("table.pairs", {}, leaves(run.params).map(([name, value]) => {
      const chain = run.origins[name] || [];
      const told = ({ layer, where }) => (where?.startsWith(layer) ? where : [layer, where].filter(Boolean).join(" "));
      const { description, unit } = (run.words || {})[name] || {};
      const said = [description, unit && `[${unit}]`].filter(Boolean).join(" ");
      const over = chain.slice(1).map((origin) => `over ${show(origin.value)} of ${told(origin)}`).join("; ");
      return el("tr", {}, el("th", {}, name), el(isNumber(value) ? "td.number" : "td", {}, show(value)), el("td.origin", {}, chain.length ? told(chain[0]) : "", over ? el("small", {}, ` ${over}`) : null), el("td.origin", {}, said));
    }));
  }

  makeLabels(run) {
    const { source } = this.page;
    if (!source.label) return el("p", {}, run.tags.map((tag) => el("span.tag", {}, tag)), run.note ? ` ${run.note}` : "");
    const tags = el("input", { value: run.tags.join(", "), placeholder: "tags", "aria-label": "tags" });
    const note = el("input.note", { value: run.note || "", placeholder: "note", "aria-label": "note" });
    const told = el("output");
    const save = async () => {
      try {
        this.page.take(await source.label(run.id, { tags: tags.value.split(",").map((tag) => tag.trim()).filter(Boolean), note: note.value }));
        told.textContent = "kept";
      } catch (error) { told.textContent = error.message; }
    };
    return el("p.labels", { onkeydown: (event) => { if (event.key === "Enter") save(); } }, tags, note, el("button", { onclick: save }, "keep"), told);
  }

  makePictures(run) {
    const { source } = this.page;
    const all = Object.entries(run.pictures).flatMap(([name, files]) => files.map((file) => [name, file]));
    const shown = all.map(([name, file]) => {
      const address = source.address(run.id, file);
      if (!address) return null;
      const picture = file.endsWith(".mp4") ? el("video", { src: address, controls: true, loop: true, preload: "metadata" }) : el("img", { src: address, alt: name, loading: "lazy" });
      return el("figure", {}, picture, el("figcaption", {}, name));
    }).filter(Boolean);
    return shown.length ? this.section("pictures", run.pictures, () => el("div.pictures", {}, shown)) : null;
  }

  // What a plugin shows of the run: a text, a picture of the archive or a chart.
  makePanel(run, { text, picture, chart }) {
    if (chart) {
      const place = el("div.chart");
      draw(place, chart.data, { height: 320, ...chart.layout });
      return place;
    }
    if (!picture) return el("pre", {}, text || "");
    const address = this.page.source.address(run.id, picture);
    if (!address) return el("em", {}, "not in this file");
    return picture.endsWith(".mp4") ? el("video", { src: address, controls: true }) : el("figure", {}, el("img", { src: address, alt: picture }));
  }

  async drawSeries(run) {
    const { runs } = this.page;
    const row = runs.rows.get(run.id);
    const live = row !== undefined && this.page.isLive(row);
    const known = new Set([...Object.keys(run.series), ...(live ? Object.keys(runs.series).filter((name) => runs.has(row, name)) : [])]);
    const names = [...known].filter((name) => (run.series[name]?.kind || runs.series[name]) === "scalar").slice(0, 40);
    const told = await each(names, (name) => this.page.series(run.id, name));
    const accent = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
    if (this.shown !== run.id) return;
    names.forEach((name, i) => {
      if (!told[i]?.count) return;
      if (!this.charts.has(name)) this.charts.set(name, el("div.chart"));
      const chart = this.charts.get(name);
      if (!chart.isConnected) this.grid.append(chart);
      if (isMadeOf([told[i], accent, live], chart.made)) return;
      chart.made = [told[i], accent, live];
      const y = told[i].values.map(Number);
      const words = saidOf([told[i]]);
      draw(chart, [{ x: told[i].steps.map(Number), y, mode: y.length === 1 ? "markers" : "lines", type: "scatter", line: { width: 1.6, color: accent } }],
        { title: heading(name, words), uirevision: run.id, height: 240, live, xaxis: { title: { text: escapeText(words.xlabel || "step") } }, yaxis: { type: isLog(words, [...y]) ? "log" : "linear", title: { text: escapeText(upright(words)) } } });
    });
    if (!names.length) replace(this.grid, el("p", {}, "no numbers were tracked"));
  }
}

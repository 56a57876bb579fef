// One run in full: what it was given and from where, what it left, how it ended, how to run it again.
import {el, replace} from "./dom.js";
import {show, showDuration, showTime} from "./values.js";
import {leaves} from "./runs.js";
import {draw, each} from "./charts.js";
import {heading, upright, saidOf, isLog, escapeText} from "./curves.js";

export class Detail {
  constructor(page) {
    this.page = page;
    this.body = el("div");
    this.element = el("section.view", {}, this.body);
    this.turn = 0;
  }

  async show() {
    const { runs, state, source } = this.page;
    const id = state.open || runs.ids[this.page.rows[0]];
    if (!id) { replace(this.body, el("p", {}, "there are no runs yet")); return; }
    const turn = (this.turn += 1);
    let run = null;
    try { run = await source.run(id); } catch (error) { replace(this.body, el("p.error", {}, error.message)); return; }
    if (turn !== this.turn) return;
    if (this.shown === id && this.body.querySelector(".labels input:focus")) return; // being written
    this.shown = id;
    if (!run) { replace(this.body, el("p", {}, "this file holds the values of this run, not its series, code and log")); return; }
    if (run.damaged) { replace(this.body, el("p.error", {}, `this archive is damaged: ${run.damaged}`)); return; }
    this.charts = el("div.grid");
    this.damage = { ...run.damage, packages: run.damage.environment };
    replace(this.body,
      el("h2", {}, `${run.experiment}${run.case ? `[${run.case}]` : ""} `, el("span.id", {}, run.short)),
      el("p", {}, run.description || ""),
      el("p", {}, el(`span.status.${run.status}`, {}, run.status), ` ${showTime(run.started)}, ${showDuration(run.duration)}${run.setup ? ` and ${showDuration(run.setup)} of set-up` : ""}`),
      this.makeLabels(run),
      Object.keys(run.damage).length ? this.section("damaged", this.makePairs(Object.entries(run.damage))) : null,
      run.error ? this.section("error", el("pre.error", {}, run.error.traceback || `${run.error.type}: ${run.error.message}`)) : null,
      run.notices.length ? this.section("notices", el("ul", {}, run.notices.map((notice) => el("li", {}, notice)))) : null,
      this.section("results", this.makePairs(leaves(run.results))),
      this.section("series", this.charts),
      this.section("values", this.makeValues(run)),
      this.makePictures(run),
      (run.panels || []).map((panel) => this.section(panel.title, this.makePanel(run, panel))),
      this.section("log", el("pre.log", {}, run.log || "nothing was printed")),
      this.section("lineage", this.makePairs(leaves(run.lineage).filter(([, value]) => value !== null && show(value) !== "" && show(value) !== "[]" && show(value) !== "{}"))),
      Object.keys(run.inputs || {}).length ? this.section("inputs", this.makePairs(leaves(run.inputs))) : null,
      Object.keys(run.artifacts).length ? this.section("artifacts", this.makePairs(Object.entries(run.artifacts).map(([name, size]) => [name, `${size} bytes`]))) : null,
      this.section("run it again", el("pre", {}, `expt rerun ${run.short}\nexpt show ${run.short}\n${run.path}`)),
      this.section("code", Object.entries(run.code).map(([name, text]) => el("details", {}, el("summary", {}, name), el("pre.code", {}, text))), true),
      this.section("environment", this.makePairs(leaves({ ...run.environment, packages: "" })), true),
      this.section("packages", this.makePairs(Object.entries(run.environment.packages || {})), true));
    const log = this.body.querySelector("pre.log");
    if (log) log.scrollTop = log.scrollHeight;
    await this.drawSeries(run);
  }

  section(name, content, closed = false) {
    const why = this.damage[name]; // it cannot be read, and nothing is said of what it held
    return el("details.section", { open: !closed }, el("summary", {}, name), why ? el("p.error", {}, `damaged: ${why}`) : content);
  }

  makePairs(pairs) {
    return pairs.length ? el("table.pairs", {}, pairs.map(([name, value]) => el("tr", {}, el("th", {}, name), el("td", {}, show(value))))) : el("p", {}, "none");
  }

  makeValues(run) {
    return el("table.pairs", {}, leaves(run.params).map(([name, value]) => {
      const chain = run.origins[name] || [];
      const told = ({ layer, where }) => (where?.startsWith(layer) ? where : [layer, where].filter(Boolean).join(" "));
      const { description, unit } = (run.words || {})[name] || {};
      const said = [description, unit && `[${unit}]`].filter(Boolean).join(" ");
      const over = chain.slice(1).map((origin) => `over ${show(origin.value)} of ${told(origin)}`).join("; ");
      return el("tr", {}, el("th", {}, name), el("td", {}, show(value)), el("td.origin", {}, chain.length ? told(chain[0]) : "", over ? el("small", {}, ` ${over}`) : null), el("td.origin", {}, said));
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
    return shown.length ? this.section("pictures", el("div.pictures", {}, shown)) : null;
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
    const names = Object.keys(run.series).filter((name) => run.series[name].kind === "scalar").slice(0, 40);
    const told = await each(names, (name) => this.page.source.series(run.id, name));
    const accent = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
    names.forEach((name, i) => {
      if (!told[i]?.count) return;
      const chart = el("div.chart");
      this.charts.append(chart);
      const y = told[i].values.map(Number);
      const words = saidOf([told[i]]);
      draw(chart, [{ x: told[i].steps.map(Number), y, mode: y.length === 1 ? "markers" : "lines", type: "scatter", line: { width: 1.6, color: accent } }],
        { title: heading(name, words), height: 240, xaxis: { title: { text: escapeText(words.xlabel || "step") } }, yaxis: { type: isLog(words, [...y]) ? "log" : "linear", title: { text: escapeText(upright(words)) } } });
    });
    if (!names.length) replace(this.charts, el("p", {}, "no numbers were tracked"));
  }
}

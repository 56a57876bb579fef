// Parallel coordinates: a line a run through all that varies; a brush on an axis filters the table.
import {el, replace} from "./dom.js";
import {show, showNumber, isSpread} from "./values.js";
import {title} from "./runs.js";
import {tint} from "./colours.js";
import {endsOf, flatRange} from "./ranges.js";

const TOP = 46;
const BOTTOM = 22;
const NARROWEST = 88; // pixels between two axes, below which there is a bar to scroll
const FAINTEST = 0.06; // below it what a screen rounds becomes another colour
const NEAR = 0.012; // of an axis: a brush that ends there means its end

export class Parallel {
  constructor(page) {
    this.page = page;
    this.canvas = el("canvas", { role: "img", "aria-label": "parallel coordinates of the runs" });
    this.overlay = el("div.axes");
    this.frame = el("div.parallel", {}, this.canvas, this.overlay);
    this.element = el("section.view", {}, el("p.same", {}, "drag along an axis to keep the runs that pass there; click the axis to let go"), this.frame);
    new ResizeObserver(() => { if (this.frame.isConnected) this.paint(); }).observe(this.frame);
  }

  show() {
    const { runs, state } = this.page;
    this.all = runs.chosen({ where: state.where, brushes: "" });
    const params = runs.differing(this.all, runs.valueNames("params")).differs;
    const results = runs.valueNames("results").filter((name) => runs.isNumeric(name));
    const lasts = results.length ? [] : runs.valueNames("last");
    this.names = [...params, ...results, ...lasts].slice(0, 14);
    this.axes = this.names.map((name) => this.axis(name));
    this.paint();
  }

  axis(name) {
    const { runs } = this.page;
    const values = this.all.map((row) => runs.position(row, name)).filter(Number.isFinite);
    const numeric = runs.isNumeric(name);
    const [low, high] = endsOf(values);
    const log = numeric && isSpread(values);
    const into = log ? Math.log : (x) => x;
    const out = log ? Math.exp : (x) => x;
    const [a, b] = (numeric && flatRange([low, high])) || (high > low ? [into(low), into(high)] : [low - 1, low + 1]);
    return { name, numeric, share: (x) => (into(x) - a) / (b - a), value: (share) => out(a + share * (b - a)), low, high };
  }

  paint() {
    const { runs, state } = this.page;
    if (!this.axes || this.dragging) return; // what came meanwhile is painted when it ends
    const width = Math.max(this.frame.clientWidth || 800, this.axes.length * NARROWEST);
    const height = this.frame.clientHeight || 440;
    const scale = window.devicePixelRatio || 1;
    this.canvas.style.width = `${width}px`;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    const context = this.canvas.getContext("2d");
    context.scale(scale, scale);
    const gap = width / Math.max(1, this.axes.length);
    const x = (i) => gap * (i + 0.5);
    const y = (share) => TOP + (1 - share) * (height - TOP - BOTTOM);
    const kept = new Set(this.page.rows);
    const last = this.axes[this.axes.length - 1];
    const draw = (row, colour, alpha) => {
      context.strokeStyle = colour;
      context.globalAlpha = alpha;
      context.beginPath();
      let pen = false;
      this.axes.forEach((axis, i) => {
        const share = axis.share(runs.position(row, axis.name));
        if (!Number.isFinite(share)) { pen = false; return; }
        if (pen) context.lineTo(x(i), y(share)); else context.moveTo(x(i), y(share));
        pen = true;
      });
      context.stroke();
    };
    context.lineWidth = 1.2;
    const strength = Math.max(FAINTEST, Math.min(0.8, 40 / Math.max(1, kept.size)));
    for (const row of this.all) if (!kept.has(row)) draw(row, "#888888", Math.min(0.06, strength));
    for (const row of this.all) if (kept.has(row)) { const share = last.share(runs.position(row, last.name)); draw(row, Number.isFinite(share) ? tint(share) : "#888888", strength); }
    context.globalAlpha = 1;
    replace(this.overlay, this.axes.map((axis, i) => this.makeAxis(axis, x(i), gap, y, height, state.ranges[axis.name])));
  }

  makeAxis(axis, x, gap, y, height, range) {
    const { runs, state } = this.page;
    const place = (element, top) => { element.style.left = `${x}px`; element.style.top = `${top}px`; return element; };
    const line = place(el("div.axis", { tabIndex: 0, "aria-label": `axis ${title(axis.name)}` }), TOP);
    line.style.height = `${height - TOP - BOTTOM}px`;
    const ticks = axis.numeric
      ? [0, 0.25, 0.5, 0.75, 1].map((share) => [share, showNumber(axis.value(share), 3)])
      : runs.categories(axis.name).map((text, i) => [axis.share(i), text]).filter(([share]) => share >= 0 && share <= 1).slice(0, 24);
    const brush = el("div.brush");
    const setBrush = (low, high) => { brush.hidden = low === null; if (low !== null) { brush.style.top = `${y(high) - TOP}px`; brush.style.height = `${Math.max(2, y(low) - y(high))}px`; } };
    setBrush(range ? axis.share(range[0]) : null, range ? axis.share(range[1]) : null);
    line.append(brush);
    const shareAt = (event) => 1 - (event.clientY - line.getBoundingClientRect().top) / line.clientHeight;
    line.addEventListener("pointerdown", (event) => {
      line.setPointerCapture(event.pointerId);
      this.dragging = true;
      const start = shareAt(event);
      let moved = false;
      const move = (next) => { moved = true; const end = shareAt(next); setBrush(Math.min(start, end), Math.max(start, end)); };
      const up = (next) => {
        line.removeEventListener("pointermove", move);
        line.removeEventListener("pointerup", up);
        line.removeEventListener("pointercancel", up);
        this.dragging = false;
        this.paint();
        if (next.type === "pointercancel") return;
        if (!moved) { state.setRange(axis.name, null); return; }
        const end = shareAt(next);
        const [low, high] = [Math.min(start, end), Math.max(start, end)];
        const slack = axis.numeric ? 0 : 0.49 / Math.max(1, axis.high - axis.low);
        state.setRange(axis.name, [low <= NEAR ? axis.low - (axis.numeric ? 0 : 0.5) : axis.value(low - slack), high >= 1 - NEAR ? axis.high + (axis.numeric ? 0 : 0.5) : axis.value(high + slack)]);
      };
      line.addEventListener("pointermove", move);
      line.addEventListener("pointerup", up);
      line.addEventListener("pointercancel", up);
    });
    const name = place(el("div.axis-name", { title: axis.name }, runs.named(axis.name)), 8);
    name.style.maxWidth = `${Math.min(gap - 6, 180)}px`;
    return [name, line, ticks.map(([share, text]) => place(el("div.tick", { title: show(text) }, text), y(share) - 8))];
  }
}

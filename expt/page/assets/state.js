// What is looked at, kept in the address, so that an address holds a view.

const DEFAULTS = {
  view: "runs", where: "", sort: "-started", columns: "", pinned: "", differing: true, group: "", selected: "",
  open: "", x: "step", smooth: 0, logx: false, logy: "", color: "", band: "", step: "", series: "",
  brushes: "", across: "", up: "", theme: "",
};

export class State {
  constructor(changed) {
    this.changed = changed;
    this.read();
    window.addEventListener("hashchange", () => { if (location.hash.slice(1) !== this.written) { this.read(); changed(this, ["view"]); } });
  }

  read() {
    Object.assign(this, DEFAULTS);
    this.written = location.hash.slice(1);
    for (const [name, text] of new URLSearchParams(this.written)) {
      if (!(name in DEFAULTS)) continue;
      const kind = typeof DEFAULTS[name];
      this[name] = kind === "boolean" ? text === "1" : kind === "number" ? Number(text) || 0 : text;
    }
  }

  set(values) {
    const names = Object.keys(values).filter((name) => this[name] !== values[name]);
    if (!names.length) return;
    Object.assign(this, values);
    const query = new URLSearchParams();
    for (const [name, fallback] of Object.entries(DEFAULTS)) {
      if (this[name] !== fallback) query.set(name, typeof fallback === "boolean" ? (this[name] ? "1" : "0") : String(this[name]));
    }
    this.written = query.toString();
    const opens = names.includes("view") || names.includes("open");
    try {
      history[opens ? "pushState" : "replaceState"](null, "", `#${this.written}`);
    } catch { /* a frame in a notebook has no address of its own */ }
    this.changed(this, names);
  }

  list(name) { return this[name] ? this[name].split(",").map(decodeURIComponent) : []; }
  setList(name, values) { this.set({ [name]: [...values].map(encodeURIComponent).join(",") }); }
  get ranges() { return this.brushes ? JSON.parse(this.brushes) : {}; }

  setRange(name, range) {
    const ranges = this.ranges;
    if (range) ranges[name] = range; else delete ranges[name];
    this.set({ brushes: Object.keys(ranges).length ? JSON.stringify(ranges) : "" });
  }
}

// What is looked at, kept in the address, so that an address holds a view.

const DEFAULTS = {
  view: "runs", where: "", sort: "-started", columns: "", pinned: "", differing: true, group: "", selected: "",
  open: "", x: "step", smooth: 0, logx: false, logy: "", color: "", band: "", step: "", series: "",
  brushes: "", across: "", up: "", theme: "",
};

const SETTLED = 100; // milliseconds without a change, after which the address follows

export class State {
  constructor(changed) {
    this.changed = changed;
    this.read();
    window.addEventListener("hashchange", () => { if (location.hash.slice(1) !== this.written) { this.read(); changed(this, Object.keys(DEFAULTS)); } });
    window.addEventListener("pagehide", () => this.settle());
  }

  read() {
    Object.assign(this, DEFAULTS);
    clearTimeout(this.due);
    this.due = null;
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
    const opens = names.includes("view") || names.includes("open");
    if (opens) this.settle();
    this.written = query.toString();
    if (opens) this.write("pushState");
    else { clearTimeout(this.due); this.due = setTimeout(() => this.settle(), SETTLED); }
    this.changed(this, names);
  }

  // An address costs the browser more than the table does, so it is not written with every key.
  settle() {
    if (this.due === null) return;
    clearTimeout(this.due);
    this.due = null;
    this.write("replaceState");
  }

  write(how) {
    try {
      history[how](null, "", `#${this.written}`);
    } catch { /* a frame in a notebook has no address of its own */ }
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

// The table of runs by columns, and what the page asks of it: a value, what is chosen, groups.
import {UNKNOWN, revive, isNumber, sorted, meanAndDeviation, show} from "./values.js";
import {compileWhere} from "./where.js";

const LEAVES = ["params", "results", "last", "lineage"]; // of an outline

export class Runs {
  constructor(told) {
    this.ids = told.ids;
    this.short = told.short;
    this.series = told.series;
    this.units = told.units;
    this.fields = told.fields;
    this.damaged = told.damaged;
    this.more = told.more || 0; // older ones that are not here yet
    this.columns = new Map();
    this.kinds = new Map(); // of series that are no scalars, by name, for each run
    this.rows = new Map(this.ids.map((id, row) => [id, row]));
    for (const { name, part, values, every, missing } of told.columns) {
      const revived = values ? values.map(revive) : new Array(this.count).fill(revive(every));
      for (const row of missing) revived[row] = UNKNOWN;
      if (part === "series") this.kinds.set(name, revived);
      else this.columns.set(part === "run" ? name : `${part}.${name}`, { name, part, values: revived });
    }
    this.columns.set("id", { name: "id", part: "run", values: this.short });
    this.places = new Map();
    this.fresh = new Set(); // runs that have changed since the table was made
    this.answers = new Map();
  }

  get count() { return this.ids.length; }

  // As the command line finds names: a field, a part by its prefix, then a parameter, a result, a last value.
  column(name) {
    if (this.places.has(name)) return this.places.get(name);
    let found = this.columns.get(name); // which has its part before it, where it is no field
    for (const part of ["params", "results", "last"]) found ??= this.columns.get(`${part}.${name}`);
    this.places.set(name, found);
    return found;
  }

  value(row, name) {
    const column = this.column(name);
    return column ? column.values[row] : UNKNOWN;
  }

  // The folder that the files of all experiments share, which a table need not tell.
  get sharedFolder() {
    if (this.shared?.count !== this.count) {
      const [first = [], ...others] = [...new Set(this.column("experiment")?.values)].map((id) => show(id).split("::")[0].split("/").slice(0, -1));
      const parts = first.findIndex((part, i) => others.some((other) => other[i] !== part));
      this.shared = { count: this.count, folder: (parts < 0 ? first : first.slice(0, parts)).map((part) => `${part}/`).join("") };
    }
    return this.shared.folder;
  }

  number(row, name) {
    const value = this.value(row, name);
    return isNumber(value) ? Number(value) : typeof value === "boolean" ? Number(value) : NaN;
  }

  // Whether a run may have a series: nobody needs to ask for one that it has not.
  has(row, name) {
    if (this.series[name] === "scalar") return this.columns.get(`last.${name}`)?.values[row] !== UNKNOWN;
    return this.kinds.get(name)?.[row] !== UNKNOWN || this.fresh.has(this.ids[row]);
  }

  // A run that is new, or that has changed: its outline, as the command line prints it.
  merge(outline) {
    let row = this.rows.get(outline.id);
    this.fresh.add(outline.id);
    const isNew = row === undefined;
    if (isNew) {
      row = this.ids.push(outline.id) - 1;
      this.short.push(outline.id.slice(0, 4));
      this.rows.set(outline.id, row);
      for (const column of this.columns.values()) {
        if (column.values.length <= row) column.values.push(UNKNOWN);
        forget(column);
      }
    }
    for (const name of this.fields) if (name in outline) this.put(row, "run", name, revive(outline[name]));
    this.put(row, "run", "session", outline.lineage?.session ?? null);
    for (const part of LEAVES) for (const [name, value] of leaves(revive(outline[part] || {}))) this.put(row, part, name, value);
    if (isNew) this.answers.clear();
    return row;
  }

  put(row, part, name, value) {
    const key = part === "run" ? name : `${part}.${name}`;
    if (!this.columns.has(key)) {
      this.columns.set(key, { name, part, values: new Array(this.count).fill(UNKNOWN) });
      this.places.clear();
    }
    const column = this.columns.get(key);
    if (column.values[row] === value) return;
    column.values[row] = value;
    forget(column);
    for (const [question, { columns }] of this.answers) if (columns.has(column)) this.answers.delete(question);
  }

  setLast(id, name, value) {
    const row = this.rows.get(id);
    if (row === undefined || value === null) return;
    if (!(name in this.series)) this.series[name] = "scalar";
    this.put(row, "last", name, revive(value));
  }

  // Rows that a condition and the brushes admit; the same array while nothing changed.
  chosen({ where, brushes }) {
    const question = JSON.stringify([where, brushes]);
    if (!this.answers.has(question)) {
      if (this.answers.size > 1) this.answers.clear();
      this.answers.set(question, this.choose(where, brushes ? JSON.parse(brushes) : {}));
    }
    return this.answers.get(question).rows;
  }

  choose(where, brushes) {
    const { names, matches } = compileWhere(where);
    for (const name of names) if (!this.column(name) && this.count) throw new Error(`no run has a value '${name}'${this.closest(name)}`);
    let rows = [];
    const columns = new Map([...names].map((name) => [name, this.column(name)?.values]));
    let at = 0;
    const look = (name) => { const values = columns.get(name); return values ? values[at] : UNKNOWN; };
    for (at = 0; at < this.count; at += 1) if (matches(look)) rows.push(at);
    for (const [name, [low, high]] of Object.entries(brushes)) {
      rows = rows.filter((row) => { const value = this.position(row, name); return value >= low && value <= high; });
    }
    return { rows, columns: new Set([...names, ...Object.keys(brushes)].map((name) => this.column(name))) };
  }

  // Rows in the order of a column, which is found once for all of them.
  inOrder(rows, sort) {
    const column = sort ? this.column(sort.replace(/^-/, "")) : null;
    if (!column) return rows;
    const descending = sort.startsWith("-");
    const place = descending ? "descending" : "ascending";
    column.orders ??= {};
    const order = (column.orders[place] ??= sorted([...this.ids.keys()], column.values, descending));
    if (rows.length === this.count) return order.slice();
    const kept = new Uint8Array(this.count);
    for (const row of rows) kept[row] = 1;
    return order.filter((row) => kept[row]);
  }

  // Where a value stands on an axis: a number is itself, anything else its place among the values.
  position(row, name) {
    const column = this.column(name);
    if (!column) return NaN;
    const { numeric, places } = this.scale(column);
    return numeric ? this.number(row, name) : places.get(show(column.values[row])) ?? NaN;
  }

  isNumeric(name) {
    const column = this.column(name);
    return !!column && this.scale(column).numeric;
  }

  categories(name) {
    const column = this.column(name);
    return column ? [...this.scale(column).places.keys()] : [];
  }

  // What is asked of a column for every row: whether it is numbers, else the place of each text.
  scale(column) {
    if (!column.scale) {
      const numeric = column.values.some(isNumber) && column.values.every((v) => isNumber(v) || v === null || v === UNKNOWN);
      const texts = numeric ? [] : [...new Set(column.values.filter((v) => v !== UNKNOWN).map(show))].sort();
      column.scale = { numeric, places: new Map(texts.map((text, place) => [text, place])) };
    }
    return column.scale;
  }

  closest(name) {
    const known = [...this.columns.keys()].map((key) => key.replace(/^params\./, ""));
    const near = known.map((key) => [distance(name, key), key]).sort((a, b) => a[0] - b[0])[0];
    return near && near[0] <= Math.max(2, name.length / 3) ? `; did you mean '${near[1]}'?` : "";
  }

  // What a column has in some rows: whether it differs there, any more than nothing, and what the first has.
  about(rows, name) {
    const column = this.column(name);
    const known = column ? (column.about ??= new WeakMap()) : new WeakMap();
    if (!known.has(rows)) {
      const values = column?.values || [];
      const first = values[rows[0]];
      const text = show(first);
      const differs = rows.some((row) => values[row] !== first && show(values[row]) !== text);
      const any = (text !== "" && first !== null) || (differs && rows.some((row) => values[row] !== null && show(values[row]) !== ""));
      known.set(rows, { differs, any, text });
    }
    return known.get(rows);
  }

  // Names of columns whose values differ among rows, and those whose do not, with the value.
  differing(rows, names) {
    const about = names.map((name) => [name, this.about(rows, name)]);
    return {
      differs: about.filter(([, { differs }]) => differs).map(([name]) => name),
      same: about.filter(([, { differs, text }]) => !differs && text !== "").map(([name, { text }]) => [name, text]),
    };
  }

  // The name of a column as people read it, with the unit of a parameter.
  named(key) {
    const unit = key.startsWith("params.") ? this.units[title(key)] : undefined;
    return unit ? `${title(key)} [${unit}]` : title(key);
  }

  valueNames(...parts) {
    return parts.flatMap((part) => [...this.columns].filter(([, column]) => column.part === part).map(([key]) => key));
  }

  groups(rows, names) {
    const found = new Map();
    for (const row of rows) {
      const values = names.map((name) => this.value(row, name));
      const key = JSON.stringify(values.map(show));
      if (!found.has(key)) found.set(key, { key, values, rows: [] });
      found.get(key).rows.push(row);
    }
    return [...found.values()];
  }

  summary(rows, name) {
    return meanAndDeviation(rows.map((row) => this.number(row, name)).filter(Number.isFinite));
  }
}

// What was found out about the values of a column no longer holds.
function forget(column) {
  column.orders = null;
  column.scale = null;
  column.about = null;
}

export function leaves(values, prefix = "") {
  return Object.entries(values).flatMap(([name, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length
      ? leaves(value, `${prefix}${name}.`) : [[`${prefix}${name}`, value]]);
}

export function title(key) {
  return key.replace(/^(params|results)\./, "");
}

function distance(one, other) {
  let before = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i += 1) {
    const now = [i];
    for (let j = 1; j <= other.length; j += 1) {
      now[j] = Math.min(before[j] + 1, now[j - 1] + 1, before[j - 1] + (one[i - 1] !== other[j - 1]));
    }
    before = now;
  }
  return before[other.length];
}

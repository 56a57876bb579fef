// The grammar of `--where`, as the command line has it: three answers, and only true matches.
import {UNKNOWN, isNumber} from "./values.js";

const TOKEN = /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([\p{L}_][\p{L}\p{N}_]*)|(==|!=|<=|>=|\/\/|[<>+\-*\/%()\[\],.]))/uy;
const WORDS = { true: true, false: false, True: true, False: false, null: null, none: null, None: null, inf: Infinity, nan: NaN };
const TIMES = new Set(["started", "finished"]);
const UNITS = { s: 1, sec: 1, second: 1, m: 60, min: 60, minute: 60, h: 3600, hour: 3600, d: 86400, day: 86400, w: 604800, week: 604800, month: 2592000, year: 31536000 };
const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

// A function of `look(name)` that answers true or false; throws an Error with the column.
export function compileWhere(text, now = new Date()) {
  const names = new Set();
  if (!text.trim()) return { names, matches: () => true };
  const parser = new WhereParser(text, names, now);
  const answer = parser.whole();
  return { names, matches: (look) => answer(look) === true };
}

class WhereParser {
  constructor(text, names, now) {
    this.text = text;
    this.names = names;
    this.now = now;
    this.tokens = [];
    this.at = 0;
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < text.trimEnd().length) {
      const start = TOKEN.lastIndex;
      const found = TOKEN.exec(text);
      if (!found) throw new Error(`column ${start + 1}: this is not of the grammar`);
      const [, number, string, word, sign] = found;
      const kind = number !== undefined ? "number" : string !== undefined ? "text" : word !== undefined ? "word" : "sign";
      this.tokens.push({ kind, text: number ?? string ?? word ?? sign, column: start + 1 });
    }
  }

  get token() { return this.tokens[this.at] || { kind: "end", text: "", column: this.text.length + 1 }; }

  refuse(what) { throw new Error(`column ${this.token.column}: ${what}`); }

  take(...texts) {
    const { kind, text } = this.token;
    if ((kind === "sign" || kind === "word") && texts.includes(text)) { this.at += 1; return text; }
    return null;
  }

  expect(text) { if (!this.take(text)) this.refuse(`'${text}' is missing`); }

  whole() {
    const answer = this.logic(this.either());
    if (this.token.kind !== "end") this.refuse(this.token.text === "=" ? "write '=='" : "this is not of the grammar");
    return answer;
  }

  // A node is {run: look => value, name?, logical?}
  either() { return this.joined("or", () => this.both(), true); }
  both() { return this.joined("and", () => this.negation(), false); }

  joined(word, next, decisive) {
    const parts = [next()];
    while (this.take(word)) parts.push(next());
    if (parts.length === 1) return parts[0];
    return { logical: true, run: kleene(parts.map((part) => this.logic(part)), decisive) };
  }

  negation() {
    if (!this.take("not")) return this.comparison();
    const inner = this.logic(this.negation());
    return { logical: true, run: (look) => { const answer = inner(look); return answer === UNKNOWN ? UNKNOWN : !answer; } };
  }

  comparison() {
    const sides = [this.sum()];
    const signs = [];
    for (let sign; (sign = this.comparator()); ) { signs.push(sign); sides.push(this.sum()); }
    if (!signs.length) return sides[0];
    const timed = sides.some((side) => TIMES.has(side.name));
    const values = sides.map((side) => (timed ? this.moment(side) : side.run));
    const links = signs.map((sign, i) => (look) => compare(sign, values[i](look), values[i + 1](look)));
    return { logical: true, run: links.length === 1 ? links[0] : kleene(links, false) };
  }

  comparator() {
    const sign = this.take("==", "!=", "<=", ">=", "<", ">", "in", "is");
    if (sign === "is") return this.take("not") ? "!=" : "==";
    if (sign) return sign;
    if (this.token.text === "not" && this.tokens[this.at + 1]?.text === "in") { this.at += 2; return "not in"; }
    return null;
  }

  moment(side) {
    if (side.text !== undefined) {
      const moment = parseMoment(side.text, this.now);
      if (moment === null) this.refuse(`'${side.text}' is no moment`);
      return () => moment;
    }
    return (look) => { const value = side.run(look); const time = typeof value === "string" ? Date.parse(value) : NaN; return Number.isNaN(time) ? UNKNOWN : time; };
  }

  sum() { return this.calculated(["+", "-"], () => this.product()); }
  product() { return this.calculated(["*", "//", "/", "%"], () => this.signed()); }

  calculated(signs, next) {
    let left = next();
    for (let sign; (sign = this.take(...signs)); ) {
      const [one, other, how] = [left.run, next().run, sign];
      left = { run: (look) => calculate(how, one(look), other(look)) };
    }
    return left;
  }

  signed() {
    const sign = this.take("-", "+");
    if (!sign) return this.atom();
    const inner = this.signed().run;
    return { run: (look) => calculate(sign, 0, inner(look)) };
  }

  atom() {
    const { kind, text } = this.token;
    if (kind === "number") { this.at += 1; const value = /^\d{16,}$/.test(text) ? BigInt(text) : Number(text); return { run: () => value }; }
    if (kind === "text") { this.at += 1; const value = unquote(text); return { text: value, run: () => value }; }
    if (kind === "word" && !["and", "or", "not", "in", "is"].includes(text)) return this.name();
    if (this.take("[")) return this.list("]");
    if (this.take("(")) {
      if (this.take(")")) return { run: () => [] };
      const first = this.either();
      if (this.take(")")) return first;
      this.expect(",");
      return this.list(")", [first]);
    }
    return this.refuse(kind === "end" ? "something is missing" : "this is not of the grammar");
  }

  list(end, parts = []) {
    while (!this.take(end)) { parts.push(this.either()); if (!this.take(",")) { this.expect(end); break; } }
    return { run: (look) => parts.map((part) => part.run(look)) };
  }

  name() {
    let name = this.tokens[this.at++].text;
    if (name in WORDS && this.token.text !== ".") { const value = WORDS[name]; return { run: () => value }; }
    for (;;) {
      if (this.take(".")) {
        if (this.token.kind !== "word") this.refuse("a name is missing");
        name += `.${this.tokens[this.at++].text}`;
      } else if (this.token.text === "[" && this.tokens[this.at + 1]?.kind === "text") {
        name += `.${unquote(this.tokens[this.at + 1].text)}`;
        this.at += 2;
        this.expect("]");
      } else break;
    }
    this.names.add(name);
    return { name, run: (look) => look(name) };
  }

  logic(node) {
    if (node.logical) return node.run;
    if (node.name === undefined) this.refuse("this is neither true nor false");
    return (look) => {
      const value = node.run(look);
      if (typeof value === "boolean" || value === UNKNOWN) return value;
      if (value === null) return false;
      if (typeof value === "string" || Array.isArray(value)) return value.length > 0;
      return typeof value === "object" ? Object.keys(value).length > 0 : UNKNOWN;
    };
  }
}

function kleene(parts, decisive) {
  return (look) => {
    let answer = !decisive;
    for (const part of parts) {
      const value = part(look);
      if (value === decisive) return decisive;
      if (value === UNKNOWN) answer = UNKNOWN;
    }
    return answer;
  };
}

function compare(sign, one, other) {
  if (one === UNKNOWN || other === UNKNOWN) return UNKNOWN;
  if (sign === "==") return equals(one, other);
  if (sign === "!=") { const same = equals(one, other); return same === UNKNOWN ? UNKNOWN : !same; }
  if (sign === "in") return contains(other, one);
  if (sign === "not in") { const found = contains(other, one); return found === UNKNOWN ? UNKNOWN : !found; }
  if (!(isNumber(one) && isNumber(other)) && !(typeof one === "string" && typeof other === "string")) return UNKNOWN;
  if (sign === "<") return one < other;
  if (sign === "<=") return one <= other;
  return sign === ">" ? one > other : one >= other;
}

function equals(one, other) {
  if (one === UNKNOWN || other === UNKNOWN) return UNKNOWN;
  if (isNumber(one) && isNumber(other)) return one == other; // a bigint and a number compare by value
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && kleene(one.map((value, i) => () => equals(value, other[i])), false)(null);
  }
  if (one !== null && other !== null && typeof one === "object" && typeof other === "object") return JSON.stringify(one) === JSON.stringify(other);
  return one === other;
}

function contains(container, value) {
  if (typeof container === "string") return typeof value === "string" ? container.includes(value) : UNKNOWN;
  if (Array.isArray(container)) return kleene(container.map((member) => () => equals(value, member)), true)(null);
  if (container !== null && typeof container === "object") return typeof value === "string" && Object.hasOwn(container, value);
  return UNKNOWN;
}

function calculate(sign, one, other) {
  if (!(isNumber(one) && isNumber(other))) return UNKNOWN;
  if (typeof one !== typeof other) { one = Number(one); other = Number(other); }
  if (typeof one === "bigint" && (sign === "/" || sign === "//" || sign === "%")) { one = Number(one); other = Number(other); }
  if (sign === "+") return one + other;
  if (sign === "-") return one - other;
  if (sign === "*") return one * other;
  if (other === 0) return UNKNOWN;
  if (sign === "/") return one / other;
  return sign === "//" ? Math.floor(one / other) : one - other * Math.floor(one / other);
}

function unquote(text) {
  return text.slice(1, -1).replace(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)/g, (_, escape) => {
    if (escape.length > 1) return String.fromCodePoint(parseInt(escape.slice(1), 16));
    return { n: "\n", t: "\t", r: "\r" }[escape] ?? escape;
  });
}

// Milliseconds since 1970 of `2026-11-23`, `2 days ago`, `yesterday`, `last tuesday`; null for none.
export function parseMoment(text, now) {
  const word = text.toLowerCase().trim().replace(/\s+/g, " ");
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const back = (days) => new Date(today.getFullYear(), today.getMonth(), today.getDate() - days).getTime();
  if (word === "now") return now.getTime();
  if (word === "today") return today.getTime();
  if (word === "yesterday") return back(1);
  const day = word.replace(/^last /, "").replace(/^on /, "");
  if (DAYS.includes(day)) return back((today.getDay() - DAYS.indexOf(day) + 7) % 7 || 7);
  const ago = /^(an?|\d+(?:\.\d+)?)\s*([a-z]+?)s?(?:\s+ago)?$/.exec(word.startsWith("last ") && day in UNITS ? `1 ${day} ago` : word);
  if (ago && ago[2] in UNITS) return now.getTime() - (ago[1].startsWith("a") ? 1 : Number(ago[1])) * UNITS[ago[2]] * 1000;
  const date = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text.trim());
  if (date) return new Date(Number(date[1]), Number(date[2]) - 1, Number(date[3])).getTime();
  const moment = /^\d{4}-/.test(text.trim()) ? Date.parse(text.trim().replace(" ", "T")) : NaN;
  return Number.isNaN(moment) ? null : moment;
}

// Values as archives hold them, back from strict JSON with tags; and as people read them.

export const UNKNOWN = Symbol("unknown");

export function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  const keys = Object.keys(value);
  if (keys.length === 1) {
    const inner = value[keys[0]];
    if (keys[0] === "$float") return { nan: NaN, inf: Infinity, "-inf": -Infinity }[inner];
    if (keys[0] === "$int") return BigInt(inner);
    if (keys[0] === "$path") return String(inner);
    if (keys[0] === "$date") return String(inner);
    if (keys[0] === "$dict") return Object.fromEntries(inner.map(([k, v]) => [String(revive(k)), revive(v)]));
  }
  return Object.fromEntries(keys.map((key) => [key, revive(value[key])]));
}

export function isNumber(value) {
  return typeof value === "number" || typeof value === "bigint";
}

export function show(value) {
  if (value === UNKNOWN || value === undefined) return "";
  if (value === null) return "null";
  if (typeof value === "number") return showNumber(value);
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([k, v]) => `${k}: ${show(v)}`).join(", ")}}`;
  return String(value);
}

export function showNumber(value, digits = 5) {
  if (!Number.isFinite(value) || Number.isInteger(value)) return Math.abs(value) < 1e15 ? String(value) : String(value);
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-4 ? value.toExponential(digits - 1).replace(/\.?0+e/, "e") : String(Number(value.toPrecision(digits)));
}

export function showCount(count) {
  return count.toLocaleString("en");
}

export function counted(count, noun) {
  return `${showCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

export function showDuration(seconds) {
  if (!isNumber(seconds)) return "";
  if (seconds < 1) return `${Math.round(seconds * 1000)}ms`;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
}

export function showTime(text) {
  const moment = new Date(text);
  if (Number.isNaN(moment.getTime())) return String(text);
  const pad = (n) => String(n).padStart(2, "0");
  return `${moment.getFullYear()}-${pad(moment.getMonth() + 1)}-${pad(moment.getDate())} ${pad(moment.getHours())}:${pad(moment.getMinutes())}`;
}

// Whether a logarithmic axis shows numbers more evenly: their median is nearer to its middle.
export function isSpread(numbers) {
  const ordered = Float64Array.from(numbers).sort();
  const [low, high, middle] = [ordered[0], ordered[ordered.length - 1], ordered[ordered.length >> 1]];
  if (!(low > 0) || high / low < 100) return false;
  const place = (into) => Math.abs((into(middle) - into(low)) / (into(high) - into(low)) - 0.5);
  return place(Math.log) < place((x) => x);
}

// Rows by their values: numbers, then texts, then anything else; gaps and NaN last whichever way.
export function sorted(rows, values, descending) {
  const kinds = [[], [], [], []];
  for (const row of rows) kinds[rank(values[row])].push(row);
  const sign = descending ? -1 : 1;
  const by = (keys) => (a, b) => { const x = keys[a], y = keys[b]; return x < y ? -sign : x > y ? sign : a - b; };
  const numbers = new Float64Array(values.length);
  for (const row of kinds[0]) numbers[row] = Number(values[row]);
  kinds[0].sort(by(kinds[0].some((row) => typeof values[row] === "bigint") ? values : numbers));
  kinds[1].sort(by(values));
  const texts = [];
  for (const row of kinds[2]) texts[row] = show(values[row]);
  kinds[2].sort(by(texts));
  const gaps = kinds.pop().sort((a, b) => a - b);
  return [...(descending ? kinds.reverse() : kinds).flat(), ...gaps];
}

function rank(value) {
  if (value === UNKNOWN || value === undefined || value === null || value !== value) return 3;
  if (isNumber(value) || typeof value === "boolean") return 0;
  return typeof value === "string" ? 1 : 2;
}

export function meanAndDeviation(numbers) {
  const n = numbers.length;
  if (!n) return { n, mean: NaN, std: NaN };
  if (n > 1 && numbers.every((x) => x === numbers[0])) return { n, mean: numbers[0], std: 0 };
  const mean = numbers.reduce((sum, x) => sum + x, 0) / n;
  const std = n > 1 ? Math.sqrt(numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1)) : null;
  return { n, mean, std };
}

// Lines that differ between two texts, as `diff -u` shows them.

const AROUND = 3;
const MOST = 4_000_000; // cells of the table of common lines; beyond it whole stretches are replaced

export function diffLines(one, other) {
  const [a, b] = [one.split("\n"), other.split("\n")];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const [x, y] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  const middle = x.length * y.length > MOST ? [...x.map((text) => ["-", text]), ...y.map((text) => ["+", text])] : common(x, y);
  const lines = [...a.slice(0, start).map((text) => [" ", text]), ...middle, ...a.slice(a.length - end).map((text) => [" ", text])];
  return around(lines);
}

function common(x, y) {
  const lengths = Array.from({ length: x.length + 1 }, () => new Uint32Array(y.length + 1));
  for (let i = x.length - 1; i >= 0; i -= 1) for (let j = y.length - 1; j >= 0; j -= 1) {
    lengths[i][j] = x[i] === y[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
  }
  const lines = [];
  let [i, j] = [0, 0];
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) { lines.push([" ", x[i]]); i += 1; j += 1; }
    else if (i < x.length && (j >= y.length || lengths[i + 1][j] >= lengths[i][j + 1])) { lines.push(["-", x[i]]); i += 1; }
    else { lines.push(["+", y[j]]); j += 1; }
  }
  return lines;
}

function around(lines) {
  const kept = new Set();
  lines.forEach(([sign], i) => { if (sign !== " ") for (let k = i - AROUND; k <= i + AROUND; k += 1) kept.add(k); });
  const shown = [];
  let [before, after, gap] = [1, 1, true];
  lines.forEach(([sign, text], i) => {
    if (kept.has(i)) {
      if (gap) shown.push(["@", `line ${sign === "+" ? after : before}`]);
      shown.push([sign, text]);
    }
    gap = !kept.has(i);
    if (sign !== "+") before += 1;
    if (sign !== "-") after += 1;
  });
  return shown;
}

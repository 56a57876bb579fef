// Lines that grow: what comes at the end of a line is drawn there, and where there is no room left the
// axes are given more, since to draw a chart anew takes many times as long.

import {endsOf, flatRange, flattened} from "./ranges.js";

const BEYOND = 0.4; // of what there is, that is left free for what comes
const MARGIN = 0.1; // of it, below and above the values

// Draws what is new at the ends of lines that stand as they were drawn, while there is room; whether
// there was for all of it.
export function grow(element, form, traces) {
  const lines = element.lines;
  if (element.form !== form || lines?.length !== traces.length || element.matches(":hover")) return false;
  const { xaxis, yaxis } = element._fullLayout;
  const place = (axis, value) => { const pixel = axis.d2p(value); return pixel >= 0 && pixel <= axis._length ? pixel.toFixed(2) : null; };
  const longer = [];
  for (const [k, { x, y }] of traces.entries()) {
    const { path, count, text, end } = lines[k];
    if (x.length < count || !isEnd(end, x[count - 1], y[count - 1])) return false;
    if (x.length === count) continue;
    if (!path || path.getAttribute("d") !== text) return false;
    const points = [];
    for (let i = count; i < x.length; i += 1) {
      const [across, up] = [place(xaxis, x[i]), place(yaxis, y[i])];
      if (across === null || up === null) break;
      points.push(`L${across},${up}`);
    }
    longer.push([k, count + points.length, text + points.join("")]);
  }
  let all = true;
  for (const [k, count, text] of longer) {
    const { x, y } = traces[k];
    all &&= count === x.length;
    if (count === lines[k].count) continue;
    lines[k].path.setAttribute("d", text);
    Object.assign(lines[k], { count, text, end: [x[count - 1], y[count - 1]] });
  }
  return all;
}

// Gives the axes of lines that grew out of their chart the room that they need now, and draws what is
// new of them; whether they were there but for their ends.
export async function makeRoom(element, form, traces, { xaxis, yaxis }) {
  const drawn = element.data;
  const isSame = element.lines && element.form === form && !element.matches(":hover") && xaxis.range && yaxis.range
    && drawn.every(({ x, y }, k) => x.length <= traces[k].x.length && isEnd([x.at(-1), y.at(-1)], traces[k].x[x.length - 1], traces[k].y[x.length - 1]));
  if (!isSame) return false;
  element.makesRoom = true; // it is nobody's zoom
  await window.Plotly.relayout(element, { "xaxis.range": xaxis.range, "yaxis.range": yaxis.range });
  element.makesRoom = false;
  remember(element, form, drawn);
  return grow(element, form, traces);
}

// What was drawn, so that it can grow.
export function remember(element, form, traces) {
  const paths = new Map();
  for (const group of element.querySelectorAll(".scatterlayer .trace")) paths.set(group.__data__?.[0]?.trace?.index, group.querySelector("path.js-line"));
  element.form = form;
  element.lines = traces.map(({ x, y }, k) => ({ path: paths.get(k), count: x.length, text: paths.get(k)?.getAttribute("d"), end: [x.at(-1), y.at(-1)] }));
}

// The ranges of axes of lines that grow: with room for what comes, or what somebody zoomed to.
export function rangesOf(element, traces, { live, xaxis, yaxis }) {
  const zoomed = element.zoomed || {};
  const range = (name, axis, values, beyond, below) => {
    if (zoomed[name]) return { ...axis, range: [...element.layout[name].range], autorange: false };
    if (!live) return axis;
    const into = axis.type === "log" ? Math.log10 : Number;
    const [low, high] = endsOf(values.map((value) => (value === null ? NaN : into(value))));
    const flat = axis.autorangeoptions && flatRange([low, high]);
    if (!flat && !(high > low)) return axis;
    return { ...axis, range: flat || [low - below * (high - low), high + beyond * (high - low)], autorange: false };
  };
  const up = traces.flatMap(({ y }) => y);
  return {
    xaxis: range("xaxis", xaxis, traces.flatMap(({ x }) => x), BEYOND, 0),
    yaxis: range("yaxis", flattened(yaxis, up), up, MARGIN, MARGIN),
  };
}

function isEnd([x, y], across, up) { return Number(x) === Number(across) && Number(y) === Number(up); }

// What all charts share: plotly in the colours of the page.

export function layout(more = {}) {
  const style = getComputedStyle(document.documentElement);
  const [ink, faint, paper] = ["--ink", "--line", "--paper"].map((name) => style.getPropertyValue(name).trim());
  const axis = { gridcolor: faint, zerolinecolor: faint, linecolor: faint, automargin: true };
  const merge = (one, other) => ({ ...axis, ...one, ...other });
  return {
    paper_bgcolor: paper, plot_bgcolor: paper, font: { color: ink, family: "system-ui, sans-serif", size: 12 },
    margin: { l: 56, r: 16, t: 34, b: 44 }, hovermode: "closest", showlegend: false, ...more,
    xaxis: merge({}, more.xaxis), yaxis: merge({}, more.yaxis),
  };
}

export const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "sendDataToCloud"] };

export function draw(element, traces, settings) {
  return window.Plotly.react(element, traces, layout(settings), CONFIG);
}

export function clear(element) {
  if (element.data) window.Plotly.purge(element);
}

// A few askings at a time, so that two hundred curves do not make two hundred connections.
export async function each(items, work, atOnce = 6) {
  const waiting = [...items.entries()];
  const results = new Array(items.length);
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, async () => {
    while (waiting.length) {
      const [i, item] = waiting.shift();
      results[i] = await work(item, i).catch(() => null);
    }
  }));
  return results;
}

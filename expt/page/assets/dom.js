// Elements from words: text is always text, never markup.

export function el(tag, attributes, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function replace(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

// The same, where what it is made of is not what it was made of before: what is open stays open.
export function renew(element, from, make) {
  const key = JSON.stringify(from);
  if (element.madeFrom === key) return;
  element.madeFrom = key;
  replace(element, make());
}

// Have exactly these children, without touching those that are there: what is taken out and put back
// has lost its scrolling.
export function arrange(element, children) {
  const kept = new Set(children);
  for (const child of [...element.children]) if (!kept.has(child)) child.remove();
  children.forEach((child, i) => { if (element.children[i] !== child) element.insertBefore(child, element.children[i] || null); });
}

export function choice(label, value, options, change) {
  const select = el("select", { onchange: () => change(select.value) });
  for (const [key, text] of options) select.append(el("option", { value: key, selected: key === value }, text));
  return el("label.choice", {}, label, " ", select);
}

export function check(label, value, change) {
  const box = el("input", { type: "checkbox", checked: value, onchange: () => change(box.checked) });
  return el("label.choice", {}, box, " ", label);
}

export function slider(label, value, [low, high, step], change) {
  const told = el("output", {}, String(value));
  const range = el("input", {
    type: "range", min: low, max: high, step, value, "aria-label": label,
    oninput: () => { told.textContent = range.value; change(Number(range.value)); },
  });
  return el("label.choice", {}, label, " ", range, " ", told);
}

"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const summary = data.summary;
const SVG = "http://www.w3.org/2000/svg";

// Elements. Texts go in as text, never as markup: names come from the recording.
function make(tag, attributes, ...children) {
  const drawn = ["svg", "g", "line", "rect", "path", "text", "circle", "title", "polyline"].includes(tag);
  const element = drawn ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}
const at = (id) => document.getElementById(id);

// Numbers. People read microseconds; a figure's exact nanoseconds are in data-ns.
function micro(ns) {
  const us = ns / 1000;
  return us.toLocaleString("en", { minimumFractionDigits: us < 1000 ? 1 : 0, maximumFractionDigits: us < 1000 ? 1 : 0 });
}
function span(ns) {
  if (ns === 0) return "0 s";
  if (ns >= 60e9) {
    const seconds = Math.round(ns / 1e9);
    return `${Math.floor(seconds / 60)} min${seconds % 60 ? ` ${seconds % 60} s` : ""}`;
  }
  for (const [unit, name] of [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]]) {
    if (ns >= unit) return `${+(ns / unit).toPrecision(4)} ${name}`;
  }
  return `${ns} ns`;
}
const count = (number) => number.toLocaleString("en");
const many = (number, what) => `${count(number)} ${what}${number === 1 ? "" : "s"}`;
const partitionName = (index) => index === null || index === undefined ? "" : summary.partitions[index].name;
const coreNumber = (index) => summary.cores[index] ? summary.cores[index].number : index;
const series = (index) => `var(--s${index % 8})`;
const coloured = (index) => series(index);

function windowName(window) {
  const same = data.windows.filter((other) => other.partition === window.partition);
  const name = partitionName(window.partition);
  return same.length > 1 ? `${name} at ${span(window.start_ns)}` : name;
}
const causeNames = Object.fromEntries(data.causes.map((total) => [total.cause, total.name]));
const causeOrder = ["timer_wake_up", "core_taken", "stop", "overrun_before", "continue", "entry", "steal", "supervisor_stopped", "throttling",
  "stop_not_confirmed", "page_fault", "interrupts"];
function causeColour(cause) {
  const place = causeOrder.indexOf(cause);
  return place < 0 ? "var(--muted)" : `var(--s${place})`;
}

// The tip follows the pointer, or stands beside what has the focus.
const tip = at("tip");
function showTip(text, x, y) {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(x + 14, innerWidth - box.width - 8))}px`;
  tip.style.top = `${Math.max(6, Math.min(y + 14, innerHeight - box.height - 8))}px`;
}
function hideTip() { tip.hidden = true; }

// Scales.
function logScale(low, high, from, to) {
  const [a, b] = [Math.log10(low), Math.log10(high)];
  return (value) => from + (Math.log10(Math.max(value, low)) - a) / (b - a || 1) * (to - from);
}
function decades(low, high, dense) {
  const ticks = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)); decade++) {
    for (const step of dense ? [1, 2, 5] : [1]) {
      const tick = step * 10 ** decade;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}
// The range of all latenesses, for charts that are to be compared.
const extent = (() => {
  const figures = data.windows.map((window) => window.figure).filter((figure) => figure.count > 0);
  const low = Math.min(...figures.map((figure) => Math.max(figure.min, 100)), 1e9);
  const high = Math.max(...figures.map((figure) => figure.max), ...data.limits_ns.filter((limit) => limit < 1e11), 1000);
  return { low: Math.min(low, high / 10) / 1.1, high: high * 1.15 };
})();

// Draws when the element is there and whenever its width changes.
const drawers = [];
function drawn(element, draw) {
  let width = 0;
  const again = () => {
    const now = Math.floor(element.clientWidth);
    if (now > 0 && now !== width) { width = now; draw(now); }
  };
  drawers.push(() => { width = 0; again(); });
  new ResizeObserver(again).observe(element);
  again();
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawers.forEach((redraw) => redraw()));

function table(columns, rows) {
  const head = make("tr", {}, columns.map((column) => make("th", { class: column.n ? "n" : null, scope: "col" }, column.title)));
  return make("table", {}, make("thead", {}, head), make("tbody", {}, rows));
}
function figureCell(ns, limit) {
  return make("td", { class: limit !== undefined && ns > limit ? "n over" : "n", "data-ns": ns }, micro(ns));
}

"use strict";

// ---- Tables: sort by a heading, filter by words and comparisons.

const value = (cell) => {
  const text = cell.dataset.value ?? cell.textContent;
  const number = Number(text);
  return text !== "" && !Number.isNaN(number) ? number : text;
};

function compare(a, b) {
  const empty = (v) => v === "–" || v === "nan";
  if (empty(a) || empty(b)) return empty(a) - empty(b);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

function sort(heading) {
  const table = heading.closest("table");
  const column = heading.cellIndex;
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].map((row) => [value(row.cells[column]), row]);
  const missing = (v) => v === "–" || v === "nan";
  rows.sort(([a], [b]) =>
    ascending || missing(a) || missing(b) ? compare(a, b) : compare(b, a));
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

const holds = {
  "=": (a, b) => a === b || String(a).toLowerCase() === String(b).toLowerCase(),
  "!=": (a, b) => !holds["="](a, b),
  "<": (a, b) => typeof a === "number" && a < b,
  ">": (a, b) => typeof a === "number" && a > b,
  "<=": (a, b) => typeof a === "number" && a <= b,
  ">=": (a, b) => typeof a === "number" && a >= b,
};

// One test per term: `name<number`, `name=value`, or text that stands anywhere.
function test(term, names) {
  const [, name, sign, wanted] = term.match(/^([^<>=!]+)(<=|>=|!=|<|>|=)(.*)$/) ?? [];
  const column = names.indexOf(name?.toLowerCase());
  if (column < 0) {
    if (sign) return null;
    return (row) => row.textContent.toLowerCase().includes(term.toLowerCase());
  }
  const number = Number(wanted);
  const other = wanted !== "" && !Number.isNaN(number) ? number : wanted;
  return (row) => holds[sign](value(row.cells[column]), other);
}

function filter(input) {
  const table = document.getElementById(input.dataset.filters);
  const names = [...table.tHead.rows[0].cells].map((c) => c.dataset.name.toLowerCase());
  const tests = input.value.split(/\s+/).filter(Boolean).map((term) => test(term, names));
  const unknown = tests.includes(null);
  input.setAttribute("aria-invalid", unknown);
  const rows = [...table.tBodies[0].rows];
  let shown = 0;
  for (const row of rows) {
    row.hidden = !unknown && !tests.every((passes) => passes(row));
    shown += !row.hidden;
  }
  const output = document.querySelector(`[data-counts="${table.id}"]`);
  const all = `${rows.length} ${rows.length === 1 ? "run" : "runs"}`;
  output.textContent = unknown ? "There is no such column."
    : shown === rows.length ? all : `${shown} of ${all}`;
}

for (const heading of document.querySelectorAll("th[aria-sort] button")) {
  heading.addEventListener("click", () => sort(heading.closest("th")));
}
for (const input of document.querySelectorAll("[data-filters]")) {
  input.addEventListener("input", () => filter(input));
}

// ---- The details of a run.

const dialog = document.getElementById("details");
const element = (name, text = "", ...children) => {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
};

function open(table, name) {
  const { shared, runs } = JSON.parse(
    document.querySelector(`[data-details="${table}"]`).textContent);
  const { values, command, notes, date } = runs[name];
  const list = element("dl");
  list.className = "config";
  for (const [key, text] of Object.entries({ ...values, ...shared })) {
    const pair = element("div", "", element("dt", key.replaceAll("_", " ")), element("dd", text));
    pair.className = key in values ? "changed" : "";
    list.append(pair);
  }
  document.getElementById("details-title").textContent = `Run ${name}`;
  const made = element("p", date ? `Made ${date.replace("T", " ").replace("+00:00", " UTC")}` : "");
  made.className = "under";
  const told = notes.map((note) => element("p", note));
  document.getElementById("details-body").replaceChildren(
    made, ...told, element("pre", command), list);
  dialog.showModal();
}

for (const button of document.querySelectorAll("[data-run]")) {
  button.addEventListener("click", () => open(button.closest("table").id, button.dataset.run));
}
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

// ---- On paper nothing can be unfolded.

const folded = [];
addEventListener("beforeprint", () => {
  folded.push(...document.querySelectorAll("details:not([open])"));
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => {
  for (const part of folded.splice(0)) part.open = false;
});

// ---- Figures: the value of the point that is nearest, by pointer or by arrow keys.

const reading = document.getElementById("reading");
const numbers = (text) => (text.match(/-?\d+(\.\d+)?(e[-+]?\d+)?/gi) ?? []).map(Number);

function vertices(group) {
  const found = [];
  for (const path of group.querySelectorAll(":scope > path, :scope > g > path")) {
    const flat = numbers(path.getAttribute("d"));
    for (let i = 0; i + 1 < flat.length; i += 2) found.push([flat[i], flat[i + 1]]);
  }
  for (const mark of group.querySelectorAll("use")) {
    found.push([Number(mark.getAttribute("x")), Number(mark.getAttribute("y"))]);
  }
  return found;
}

// A function from a place in the drawing to a value on an axis.
function scale(axis, start, end) {
  const [low, high] = axis.scale === "log" ? axis.limits.map(Math.log10) : axis.limits;
  const map = (place) => low + ((place - start) / (end - start)) * (high - low);
  return axis.scale === "log" ? (place) => 10 ** map(place) : map;
}

const known = new Map();
function series(drawing) {
  if (known.has(drawing)) return known.get(drawing);
  const all = [];
  for (const axes of Object.values(JSON.parse(drawing.dataset.readings))) {
    const find = (id) => document.getElementById(drawing.dataset.prefix + id);
    const background = find(axes.frame)?.querySelector("path");
    const simple = ["linear", "log"];
    if (!background || !simple.includes(axes.x.scale) || !simple.includes(axes.y.scale)) continue;
    const corners = numbers(background.getAttribute("d"));
    const xs = corners.filter((_, i) => i % 2 === 0), ys = corners.filter((_, i) => i % 2);
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
    const inside = ([x, y]) => x >= left - 1 && x <= right + 1 && y >= top - 1 && y <= bottom + 1;
    for (const [id, label] of Object.entries(axes.series)) {
      const group = find(id);
      const points = group ? vertices(group).filter(inside) : [];
      if (points.length) {
        points.sort((a, b) => a[0] - b[0]);
        all.push({
          label, points, axes, box: [left, top, right, bottom],
          x: scale(axes.x, left, right), y: scale(axes.y, bottom, top),
        });
      }
    }
  }
  known.set(drawing, all);
  return all;
}

function show(drawing, curve, index) {
  const [x, y] = curve.points[index];
  const digits = (number) => String(Number(number.toPrecision(3)));
  const lines = [`${curve.axes.x.label || "x"} ${digits(curve.x(x))}`,
    `${curve.axes.y.label || "y"} ${digits(curve.y(y))}`];
  if (curve.label) lines.unshift(curve.label);
  drawing.querySelector(".point")?.remove();
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  for (const [key, text] of Object.entries({ class: "point", cx: x, cy: y, r: 3.5 })) {
    dot.setAttribute(key, text);
  }
  drawing.append(dot);
  reading.textContent = lines.join("\n");
  reading.hidden = false;
  const place = dot.getBoundingClientRect();
  const half = reading.offsetWidth / 2;
  const centre = place.left + place.width / 2;
  const middle = Math.min(Math.max(centre, half + 8), innerWidth - half - 8);
  const above = place.top - reading.offsetHeight - 8;
  reading.style.left = `${middle - half + scrollX}px`;
  reading.style.top = `${(above > 4 ? above : place.bottom + 8) + scrollY}px`;
}

function hide(drawing) {
  drawing.querySelector(".point")?.remove();
  reading.hidden = true;
}

function nearest(drawing, event) {
  const matrix = drawing.getScreenCTM();
  const here = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
  let best = null, least = 30 ** 2;
  for (const curve of series(drawing)) {
    curve.points.forEach(([x, y], index) => {
      const distance = (x - here.x) ** 2 + (y - here.y) ** 2;
      if (distance < least) [best, least] = [[curve, index], distance];
    });
  }
  return best;
}

function walk(drawing, key) {
  const curves = series(drawing);
  if (!curves.length) return;
  const at = drawing.at ?? { curve: 0, index: -1 };
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
  const turn = { ArrowDown: 1, ArrowUp: -1 }[key] ?? 0;
  at.curve = (at.curve + turn + curves.length) % curves.length;
  const last = curves[at.curve].points.length - 1;
  at.index = Math.min(Math.max(at.index + (step ?? 0), 0), last);
  drawing.at = at;
  show(drawing, curves[at.curve], at.index);
}

for (const drawing of document.querySelectorAll("[data-readings]")) {
  drawing.addEventListener("pointermove", (event) => {
    const found = nearest(drawing, event);
    found ? show(drawing, ...found) : hide(drawing);
  });
  drawing.addEventListener("pointerleave", () => hide(drawing));
  drawing.addEventListener("blur", () => hide(drawing));
  drawing.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide(drawing);
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    walk(drawing, event.key);
  });
}

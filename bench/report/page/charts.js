"use strict";
// The three charts: points, fronts, intervals, labels, ticks, and walking from point to point by keys.
function frontOf(rows, cost) {
  const sign = lessIsBetter($("measure").value) ? -1 : 1;
  const worth = (row) => sign * quality(row);
  const known = rows.filter((row) => row.costs[cost] !== null).sort((a, b) => a.costs[cost] - b.costs[cost] || worth(b) - worth(a));
  const front = new Set();
  let best = -Infinity, at = null;
  for (const row of known) {
    if (worth(row) > best) { best = worth(row); at = row.costs[cost]; front.add(row); }
    else if (worth(row) === best && row.costs[cost] === at) front.add(row);
  }
  return front;
}

const shown = (row) => row.quality[$("measure").value]; // value, low, high
const WIDTH = 460, HEIGHT = 330, LEFT = 46, RIGHT = 14, TOP = 10, BOTTOM = 40;
function chart(number, rows, cost) {
  const svg = $(`chart${number}`);
  svg.closest("figure").hidden = !ofDataset().some((row) => row.costs[cost] > 0);
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.replaceChildren();
  $(`cap${number}`).textContent = `${$("measure").value.replaceAll("_", " ")} against ${DATA.costs[cost]}`;
  const points = rows.filter((row) => row.costs[cost] > 0);
  if (!points.length) { svg.append(drawn("text", { class: "empty", x: WIDTH / 2, y: HEIGHT / 2 }, "no run matches")); svg.onkeydown = svg.onclick = null; return; }
  const xs = points.map((row) => Math.log10(row.costs[cost])), ys = points.flatMap((row) => shown(row).filter((value) => !empty(value)));
  const padded = (values, share, least) => { const low = Math.min(...values), high = Math.max(...values), gap = Math.max((high - low) * share, least); return [low - gap, high + gap]; };
  const [x0, x1] = padded(xs, 0.06, 0.05), [y0, y1] = padded(ys, 0.06, 1e-3 * Math.max(...ys.map(Math.abs), 1e-6));
  const px = (value) => LEFT + (Math.log10(value) - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT);
  const py = (value) => HEIGHT - BOTTOM - (value - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM);
  for (const value of ticksLinear(y0, y1)) {
    svg.append(drawn("line", { class: "gridline", x1: LEFT, x2: WIDTH - RIGHT, y1: py(value), y2: py(value) }), drawn("text", { class: "axis", x: LEFT - 6, y: py(value) + 4, "text-anchor": "end" }, digits(value)));
  }
  const ratios = cost in sizes() ? ticksRatio(x0, x1, points[0].raw) : [];
  for (const value of ratios.length > 1 ? ratios : ticksLog(x0, x1)) {
    svg.append(drawn("line", { class: "gridline", x1: px(value), x2: px(value), y1: TOP, y2: HEIGHT - BOTTOM }), drawn("text", { class: "axis", x: px(value), y: HEIGHT - BOTTOM + 15, "text-anchor": "middle" }, short(value)));
  }
  svg.append(drawn("text", { class: "axis", x: (LEFT + WIDTH) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, DATA.costs[cost]));
  const front = frontOf(points, cost);
  const line = [...front].sort((a, b) => a.costs[cost] - b.costs[cost]);
  let path = "";
  line.forEach((row, i) => { path += i ? `H${px(row.costs[cost])}V${py(quality(row))}` : `M${px(row.costs[cost])} ${py(quality(row))}`; });
  svg.append(drawn("path", { class: "front", d: path }));
  const taken = points.map((row) => ({ x: px(row.costs[cost]) - 3, y: py(quality(row)) - 3, w: 6, h: 6 }));
  for (const row of [...points].sort((a, b) => front.has(a) - front.has(b) || a.costs[cost] - b.costs[cost])) {
    const dot = drawn("circle", { class: `dot${front.has(row) ? "" : " pale"}`, cx: px(row.costs[cost]), cy: py(quality(row)), r: front.has(row) ? 5.5 : 4.5, fill: DATA.colors[row.dataset][row.family], "data-id": row.id, tabindex: -1, role: "button", "aria-label": summary(row, cost) });
    svg.append(dot);
  }
  for (const row of points) { // over the points, which may be the larger; seen at the front, elsewhere while pointed at
    const [, low, high] = shown(row), x = px(row.costs[cost]);
    if (empty(low) || empty(high)) continue;
    svg.append(drawn("line", { class: `span${front.has(row) ? " near" : ""}`, x1: x, x2: x, y1: py(low), y2: py(high), "data-id": row.id }));
  }
  const named = []; // a method that stands there already, from another budget, is named once
  for (const row of line) {
    const x = px(row.costs[cost]), y = py(quality(row));
    if (named.some((other) => other.method === row.method && Math.hypot(other.x - x, other.y - y) < 12)) continue;
    named.push({ method: row.method, x, y });
    label(svg, row.method, x, y, taken);
  }
  const order = [...svg.querySelectorAll(".dot")].sort((a, b) => a.getAttribute("cx") - b.getAttribute("cx"));
  if (order.length) order[0].setAttribute("tabindex", 0);
  svg.onkeydown = (event) => walk(event, order);
  svg.onclick = (event) => near(event, order);
}

// A finger is wider than a point: beside one, the nearest is meant.
function near(event, order) {
  if (event.target.closest("circle")) return;
  const away = (node) => { const box = node.getBoundingClientRect(); return Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY); };
  const nearest = order.reduce((best, node) => (away(node) < away(best) ? node : best));
  if (away(nearest) < 20) open(Number(nearest.dataset.id));
}

function label(svg, text, x, y, taken) {
  const w = 6 * text.length + 4, h = 13;
  for (const [dx, dy] of [[-w - 4, -8], [6, 18], [8, -8], [8, 4], [-w - 6, 4], [-w - 6, -8], [8, 16], [-w - 6, 16], [-w / 2, -10], [-w / 2, 22], [14, 28], [-w - 12, -20]]) {
    const box = { x: x + dx, y: y + dy - 10, w, h };
    const free = box.x > LEFT && box.x + w < WIDTH && box.y > 0 && box.y + h < HEIGHT - BOTTOM
      && !taken.some((other) => box.x < other.x + other.w && other.x < box.x + w && box.y < other.y + other.h && other.y < box.y + h);
    if (free) { taken.push(box); svg.append(drawn("text", { class: "label", x: x + dx, y: y + dy, "pointer-events": "none" }, text)); return; }
  }
}

function ticksLinear(low, high) {
  const rough = (high - low) / 5, scale = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * scale >= rough) * scale;
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) ticks.push(Math.abs(value) < step / 1e6 ? 0 : value);
  return ticks;
}
const sizes = () => Object.fromEntries(Object.keys(DATA.costs).slice(0, 4).map((name) => [name, true]));
function ticksRatio(low, high, raw) { // bytes at 1x, 2x, 4x, ... of float32, as many as there is room for
  const ticks = [];
  for (let size = raw; size >= 1; size /= 2) if (Math.log10(size) >= low && Math.log10(size) <= high) ticks.push(size);
  const step = Math.ceil(ticks.length / 8);
  return ticks.filter((_, i) => i % step === 0);
}
function ticksLog(low, high) {
  const wide = high - low > 2.2, factors = wide ? [1] : high - low > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 5, 7];
  const ticks = [];
  for (let power = Math.floor(low); power <= high; power++) for (const factor of factors) { const value = factor * 10 ** power; if (Math.log10(value) >= low && Math.log10(value) <= high) ticks.push(value); }
  return ticks;
}

function walk(event, order) {
  const at = order.indexOf(document.activeElement);
  if (at < 0) return;
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -at, End: order.length - 1 - at }[event.key];
  if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(Number(document.activeElement.dataset.id)); return; }
  if (step === undefined) return;
  event.preventDefault();
  const next = order[Math.min(order.length - 1, Math.max(0, at + step))];
  order[at].setAttribute("tabindex", -1);
  next.setAttribute("tabindex", 0);
  next.focus();
}

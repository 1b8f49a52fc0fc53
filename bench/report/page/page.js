"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const make = (tag, attributes = {}, text) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
};
const drawn = (tag, attributes = {}, text) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
};
const digits = (value, count = 3) => (value === null || value === undefined ? "–" : Number(value.toPrecision(count)).toLocaleString("en"));
const fixed = (value, places = 3) => (value === null || value === undefined ? "–" : value.toFixed(places));
const short = (value) => { if (value < 10000) return digits(value); for (const unit of ["k", "M"]) { value /= 1000; if (value < 1000) return digits(value) + unit; } return `${digits(value / 1000)}G`; };
// May break after an underscore: on a phone a long name takes two lines.
const breakable = (node, text) => { text.split(/(?<=_)/).forEach((part, i) => node.append(...(i ? [make("wbr")] : []), part)); return node; };
const bytes = (count) => { for (const unit of ["B", "kB", "MB"]) { if (count < 1000) return `${digits(count)} ${unit}`; count /= 1000; } return `${digits(count)} GB`; };

DATA.rows.forEach((row, index) => { row.id = index; });
const unique = (values) => [...new Set(values)];
const lessIsBetter = (measure) => /error|bias|loss/.test(measure);
const state = { sort: "quality", descending: true, families: new Set(DATA.rows.map((row) => row.family)), on: null };

// Choices, kept in the address so that a view can be shared as a link.
function fill(select, options, wanted) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  if (options.some(([value]) => value === wanted)) select.value = wanted;
}
const address = new URLSearchParams(location.hash.slice(1));
fill($("dataset"), unique(DATA.rows.map((row) => row.dataset)).map((name) => [name, name]), address.get("dataset"));
fill($("measure"), DATA.measures.map((name) => [name, name.replaceAll("_", " ")]), address.get("measure") ?? "recall@10");
// A data set of another track has other measures: then its own first one is shown.
function fitMeasure() {
  const rows = DATA.rows.filter((row) => row.dataset === $("dataset").value);
  if (rows.length && !rows.some((row) => $("measure").value in row.quality)) $("measure").value = rows[0].headline;
}
fitMeasure();
fill($("size"), Object.entries(DATA.costs).slice(0, 4).map(([name]) => [name, name === "codes" ? "codes alone" : `with parts ${name}`]), address.get("size"));
function fillBudgets(wanted) {
  const rows = DATA.rows.filter((row) => row.dataset === $("dataset").value);
  const budgets = [...new Map(rows.map((row) => [row.budgetBytes, row.budget]))].sort((a, b) => b[0] - a[0]);
  fill($("budget"), [["", "all"], ...budgets.map(([size, text]) => [String(size), text === `${size}B` ? `${size.toLocaleString("en")} B` : `${text} (${size.toLocaleString("en")} B)`])], wanted);
}
fillBudgets(address.get("budget"));
function fillFamilies() {
  const dataset = $("dataset").value;
  const labels = unique(DATA.rows.filter((row) => row.dataset === dataset).map((row) => row.family)).sort().map((family) => {
    const label = make("label");
    const box = make("input", { type: "checkbox", value: family });
    box.checked = state.families.has(family);
    const swatch = make("span", { class: "swatch" });
    swatch.style.background = DATA.colours[dataset][family];
    label.append(box, swatch, family);
    box.addEventListener("change", () => { box.checked ? state.families.add(family) : state.families.delete(family); show(); });
    return label;
  });
  $("families").replaceChildren($("families").querySelector("legend"), ...labels);
}
fillFamilies();

const quality = (row, measure = $("measure").value) => row.quality[measure]?.[0] ?? null;
const COLUMNS = [
  { key: "method", title: "method", text: true, value: (row) => row.method },
  { key: "family", title: "family", text: true, name: "family", value: (row) => row.family },
  { key: "budget", title: "budget", value: (row) => row.budgetBytes, show: (row) => row.budget },
  { key: "bytes", title: "bytes", value: (row) => row.costs[$("size").value], show: (row) => ($("size").value === "codes" ? row.costs.codes.toLocaleString("en") : digits(row.costs[$("size").value], 5)) },
  { key: "disk", title: "disk bytes", name: "disk", value: (row) => row.disk / row.n || null, show: (row) => digits(row.disk / row.n || null, 5) },
  { key: "quality", title: () => $("measure").value.replaceAll("_", " "), value: (row) => quality(row), interval: true },
  { key: "p", title: "vs. best", value: (row) => (row.best ? 2 : row.p), show: (row) => (row.best ? "best" : row.p === null ? "–" : row.p >= 0.05 ? "=" : row.p < 0.001 ? "p < .001" : `p = ${digits(row.p, 2)}`) },
  { key: "p50", title: "p50 ms", value: (row) => row.costs["p50 ms"], show: (row) => digits(row.costs["p50 ms"]) + (row.shared ? "*" : "") },
  { key: "p99", title: "p99 ms", value: (row) => row.p99, show: (row) => digits(row.p99) },
  { key: "qps", title: "queries/s", value: (row) => row.qps, show: (row) => digits(row.qps) },
  { key: "encode", title: "encode/s", value: (row) => row.encode, show: (row) => digits(row.encode) },
  { key: "fit", title: "fit s", value: (row) => row.fit, show: (row) => digits(row.fit) },
  { key: "seeds", title: "seeds", value: (row) => row.seeds.length },
];

const ofDataset = () => DATA.rows.filter((row) => row.dataset === $("dataset").value);
// What none of the data set's runs has is no column: a table of embeddings encodes nothing.
const columns = () => COLUMNS.filter((column) => ofDataset().some((row) => !empty(column.value(row))) || column.key === "p");
const empty = (value) => value === null || value === undefined;

function chosen() {
  const text = $("search").value.trim().toLowerCase();
  return DATA.rows.filter((row) => row.dataset === $("dataset").value && state.families.has(row.family)
    && ($("budget").value === "" || String(row.budgetBytes) === $("budget").value)
    && row.method.toLowerCase().includes(text) && quality(row) !== null);
}

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

const WIDTH = 460, HEIGHT = 330, LEFT = 46, RIGHT = 14, TOP = 10, BOTTOM = 40;
function chart(number, rows, cost) {
  const svg = $(`chart${number}`);
  svg.closest("figure").hidden = !ofDataset().some((row) => row.costs[cost] > 0);
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.replaceChildren();
  $(`cap${number}`).textContent = `${$("measure").value.replaceAll("_", " ")} against ${DATA.costs[cost]}`;
  const points = rows.filter((row) => row.costs[cost] > 0);
  if (!points.length) { svg.append(drawn("text", { class: "empty", x: WIDTH / 2, y: HEIGHT / 2 }, "no run matches")); svg.onkeydown = svg.onclick = null; return; }
  const xs = points.map((row) => Math.log10(row.costs[cost])), ys = points.map((row) => quality(row));
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
    const dot = drawn("circle", { class: `dot${front.has(row) ? "" : " pale"}`, cx: px(row.costs[cost]), cy: py(quality(row)), r: front.has(row) ? 5.5 : 4.5, fill: DATA.colours[row.dataset][row.family], "data-id": row.id, tabindex: -1, role: "button", "aria-label": summary(row, cost) });
    svg.append(dot);
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

function summary(row, cost) {
  const [value, low, high] = row.quality[$("measure").value];
  const also = cost && cost !== $("size").value ? `\n${digits(row.costs[cost])} ${cost}` : "";
  return `${row.method} at ${row.budget} (${digits(row.costs.codes, 5)} B)\n${$("measure").value.replaceAll("_", " ")} ${fixed(value)} [${fixed(low)}, ${fixed(high)}]${also}\np50 ${digits(row.costs["p50 ms"])} ms`;
}

function table(rows) {
  const head = make("tr");
  for (const column of columns()) {
    const cell = make("th", { scope: "col", class: `${column.text ? "text" : ""} ${column.name ?? ""}` });
    const sorted = state.sort === column.key;
    cell.setAttribute("aria-sort", sorted ? (state.descending ? "descending" : "ascending") : "none");
    const button = make("button", { type: "button", "data-key": column.key }, typeof column.title === "function" ? column.title() : column.title);
    button.addEventListener("click", () => {
      state.descending = state.sort === column.key ? !state.descending : !column.text;
      state.sort = column.key;
      show();
      document.querySelector(`button[data-key="${column.key}"]`).focus();
    });
    cell.append(button);
    head.append(cell);
  }
  $("table").querySelector("thead").replaceChildren(head);
  const column = COLUMNS.find((one) => one.key === state.sort);
  const sign = state.descending ? -1 : 1;
  const ordered = [...rows].sort((a, b) => {
    const first = column.value(a), second = column.value(b);
    if (empty(first) || empty(second)) return empty(first) - empty(second);
    return (first < second ? -1 : first > second ? 1 : 0) * sign || a.id - b.id;
  });
  const none = make("tr");
  none.append(make("td", { class: "none", colspan: columns().length }, "No run matches: choose another budget, family, quality or method name."));
  $("table").querySelector("tbody").replaceChildren(...(ordered.length ? ordered.map(tableRow) : [none]));
}

function tableRow(row) {
  const line = make("tr", { "data-id": row.id, class: row.best ? "best" : "" });
  for (const column of columns()) {
    const cell = make("td", { class: `${column.text ? "text" : ""} ${column.name ?? ""}` });
    if (column.key === "method") {
      cell.append(breakable(make("button", { type: "button", "data-id": row.id }), row.method));
    } else if (column.interval) {
      const [value, low, high] = row.quality[$("measure").value];
      cell.append(fixed(value), make("span", { class: "interval" }, ` [${fixed(low)}, ${fixed(high)}]`));
    } else {
      cell.textContent = column.show ? column.show(row) : column.value(row);
    }
    line.append(cell);
  }
  return line;
}

function highlight(id) {
  for (const node of document.querySelectorAll(".on")) node.classList.remove("on");
  state.on = id;
  if (id === null) { $("tip").hidden = true; return; }
  for (const node of document.querySelectorAll(`circle[data-id="${id}"], tr[data-id="${id}"]`)) node.classList.add("on");
}
// The card stays at its point while the page moves, and goes where the point is gone.
function follow() {
  const box = state.at?.isConnected ? state.at.getBoundingClientRect() : null;
  if ($("tip").hidden) return;
  if (box && box.bottom > 0 && box.top < innerHeight) tip(state.at, state.on); else $("tip").hidden = true;
}
function tip(node, id) {
  state.at = node;
  const cost = [$("size").value, "p50 ms", "encode us"][Number(node.closest("svg").id.slice(-1))];
  const box = node.getBoundingClientRect();
  $("tip").textContent = summary(DATA.rows[id], cost);
  $("tip").hidden = false;
  const width = $("tip").offsetWidth, height = $("tip").offsetHeight;
  $("tip").style.left = `${Math.max(4, Math.min(innerWidth - width - 4, box.x + 12))}px`;
  $("tip").style.top = `${box.y - height - 8 > 0 ? box.y - height - 8 : box.y + 16}px`;
}

const UNITS = { dense: () => "vectors", multivector: (row) => `sets of ${digits(row.setSize)} vectors`, table: (row) => `table of ${row.setSize.toLocaleString("en")} rows` };
function sizeOf(row) {
  const asked = row.track === "table" ? "test examples" : "queries";
  return `${row.track === "table" ? "a" : row.n.toLocaleString("en")} ${UNITS[row.track](row)} of ${row.dim} dimensions (${bytes(row.raw)} ${row.track === "table" ? "in all" : "each"} as float32), ${row.queries.toLocaleString("en")} ${asked}`;
}

function open(id) {
  const row = DATA.rows[id], environment = DATA.environments[row.environment];
  $("detailsTitle").textContent = `${row.method} at ${row.budget} on ${row.dataset}`;
  const item = { dense: "a vector", multivector: "a document", table: "in all" }[row.track];
  const listed = (values) => Object.entries(values ?? {}).filter(([name, value]) => !empty(value) && name !== "name").map(([name, value]) => `${name}=${value}`).join(", ");
  const size = (value) => digits(value, 5);
  const [p50, p95, p99] = [row.costs["p50 ms"], row.p95, row.p99].map((value) => digits(value));
  const lines = [
    ["family", row.family],
    ...Object.entries(row.quality).map(([name, [value, low, high]]) => [name.replaceAll("_", " "), `${digits(value, 4)} [${digits(low, 4)}, ${digits(high, 4)}]`]),
    ["against the best", row.behind ? `${row.headline} ${fixed(row.behind[0], 4)} [${fixed(row.behind[1], 4)}, ${fixed(row.behind[2], 4)}], effect ${fixed(row.effect, 2)}, ${row.p < 0.001 ? "p < .001" : `p = ${digits(row.p, 2)}`}` : row.best ? "best of its budget" : "not tested"],
    [`bytes ${item}`, `${row.costs.codes.toLocaleString("en")} of ${row.budgetBytes.toLocaleString("en")}` + (row.track === "table" ? "" : `; with parts ${size(row.costs["at N"])} at N, ${size(row.costs["at 1M"])} at 1M, ${size(row.costs["at 100M"])} at 100M`)],
    [row.track === "table" ? "made of" : "parts", Object.entries(row.parts).map(([name, count]) => `${name} ${bytes(count)}`).join(", ") || "none"],
    ["on disk", row.disk ? bytes(row.disk) : ""],
    ["latency", p50 === "–" ? "" : `p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms${row.shared ? " (shared machine)" : ""}`],
    ["batch", empty(row.qps) ? "" : `${digits(row.qps)} queries/s`],
    ["fit", `${digits(row.fit)} s on ${row.trained}`],
    ["encode", empty(row.encode) ? "" : `${digits(row.encode)} ${row.track === "dense" ? "vectors" : "documents"}/s`],
    ["peak memory", empty(row.peak) ? "" : bytes(row.peak)],
    ["data", `${sizeOf(row)}, checksum ${row.checksum}`],
    ["parameters", listed(row.params) || "as the method has them"],
    ["settings", listed(row.config)],
    ["seeds", row.seeds.join(", ")],
    ["run keys", row.keys.join(", ")],
    ["measured", row.date ?? "–"],
    ["method version", row.version],
    ["machine", `${environment.cpu}, ${environment.cores} cores, ${bytes(environment.memory_bytes ?? 0)}, ${bytes(environment.memory_bandwidth_bytes_per_s ?? 0)}/s; ${(environment.cpu_flags ?? []).join(" ")}`],
    ["software", `Python ${environment.python}; ${Object.entries(environment.packages ?? {}).map(([name, version]) => `${name} ${version}`).join(", ")}`],
    ["commit", `${environment.git_commit ?? "–"}${environment.git_dirty ? " (with changes)" : ""}`],
    ["threads", listed(environment.threads)],
  ].filter(([, text]) => text !== "");
  const body = make("table");
  for (const [name, text] of lines) { const line = make("tr"); line.append(make("td", {}, name), make("td", {}, text)); body.append(line); }
  $("detailsBody").replaceChildren(body);
  $("details").showModal();
}

function plainTable(id, titles, lines, classes) {
  const head = make("tr");
  head.append(...titles.map((title, i) => make("th", { scope: "col", class: (classes[i] ?? "") && "text" }, title)));
  $(id).querySelector("thead").replaceChildren(head);
  $(id).querySelector("tbody").replaceChildren(...lines.map((cells) => {
    const line = make("tr");
    line.append(...cells.map((cell, i) => breakable(make("td", { class: classes[i] ?? "" }), String(cell))));
    return line;
  }));
}

function show() {
  highlight(null);
  const rows = chosen(), costs = [$("size").value, "p50 ms", "encode us"];
  const fronts = costs.map((cost) => frontOf(rows, cost));
  const kept = $("frontOnly").checked ? rows.filter((row) => fronts.some((front) => front.has(row))) : rows;
  costs.forEach((cost, number) => chart(number, kept, cost));
  table(kept);
  const one = ofDataset()[0];
  $("count").textContent = `${kept.length} of ${ofDataset().length} runs on these data`;
  $("about").textContent = one ? `${one.dataset}: ${sizeOf(one)}` : "No runs.";
  const failed = DATA.failures.filter((f) => f.dataset === $("dataset").value);
  plainTable("failures", ["method", "budget", "status", "reason"], failed.map((f) => [f.method, f.budget, f.status, f.reason]), ["text", "text", "text", "reason"]);
  const { places = [], groups, measure } = DATA.rankings[one?.track] ?? {};
  $("rankingTitle").textContent = `Ranking of methods for ${{ dense: "single vectors", multivector: "sets of vectors", table: "embedding tables" }[one?.track]} over ${groups} groups`;
  $("rankedBy").textContent = measure ?? "";
  plainTable("ranking", ["method", "rank", "95%", "Borda points", "mean rank", "win rate", "measured in"], places.map((r) => [r.name, digits(r.rank), `${digits(r.rank_low)} to ${digits(r.rank_high)}`, digits(r.borda, 5), digits(r.mean_rank), `${Math.round(100 * r.win_rate)}%`, `${r.tasks} of ${groups}`]), ["text"]);
  for (const [section, lines] of [["failuresSection", failed], ["rankingSection", places]]) {
    $(section).hidden = document.querySelector(`nav a[href="#${section}"]`).hidden = !lines.length;
  }
  const hash = new URLSearchParams(["dataset", "measure", "size", "budget"].map((id) => [id, $(id).value]));
  try { history.replaceState(null, "", `#${hash}`); } catch { /* a sandboxed frame has no history */ }
}

for (const id of ["measure", "size", "budget", "frontOnly"]) $(id).addEventListener("change", show);
$("measure").addEventListener("change", () => { state.sort = "quality"; state.descending = !lessIsBetter($("measure").value); show(); });
$("dataset").addEventListener("change", () => { fitMeasure(); fillBudgets(); fillFamilies(); show(); });
$("search").addEventListener("input", show);
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("close").addEventListener("click", () => $("details").close());
addEventListener("scroll", follow, { capture: true, passive: true });
$("details").addEventListener("click", (event) => { if (event.target === $("details")) $("details").close(); });
for (const kind of ["mouseover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const node = event.target.closest?.("[data-id]");
    if (!node) { if (state.on !== null) highlight(null); return; }
    highlight(Number(node.dataset.id));
    if (node.tagName === "circle") tip(node, Number(node.dataset.id)); else $("tip").hidden = true;
  });
}
document.addEventListener("click", (event) => {
  const node = event.target.closest?.("circle[data-id], td button[data-id]");
  if (node) open(Number(node.dataset.id));
});
for (const link of document.querySelectorAll('a[href^="#"]')) { // the address keeps the view, not the place in it
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const place = $(link.hash.slice(1));
    place.scrollIntoView();
    (place.closest("[tabindex]") ?? place.querySelector("[tabindex='0'], button")).focus({ preventScroll: true });
  });
}
show();

// The page: its data, what is chosen of them, the tables; labels.js, charts.js, curves.js, engines.js and groups.js stand before it in the same script.
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
// What rounds to zero has no minus: "-0.000" would say that something fell.
const unsigned = (text) => (/^-[0.]+$/.test(text) ? text.slice(1) : text);
const written = new Intl.NumberFormat("en").format; // made once: thousands of numbers are written
const digits = (value, count = 3) => (value === null || value === undefined ? "–" : unsigned(written(Number(value.toPrecision(count)))));
const fixed = (value, places = 3) => (value === null || value === undefined ? "–" : unsigned(value.toFixed(places)));
const short = (value) => { if (value < 10000) return digits(value); for (const unit of ["k", "M"]) { value /= 1000; if (value < 1000) return digits(value) + unit; } return `${digits(value / 1000)}G`; };
// May break after an underscore: on a phone a long name takes two lines.
const breakable = (node, text) => { text.split(/(?<=_)/).forEach((part, i) => node.append(...(i ? [make("wbr")] : []), part)); return node; };
const bytes = (count) => { for (const unit of ["B", "kB", "MB"]) { if (count < 1000) return `${digits(count)} ${unit}`; count /= 1000; } return `${digits(count)} GB`; };

DATA.rows.forEach((row, index) => { row.id = index; });
const unique = (values) => [...new Set(values)];
const lessIsBetter = (measure) => /error|bias|loss/.test(measure);
const state = { sort: "quality", descending: true, families: null, on: null };

// Choices, kept in the address so that a view can be shared as a link.
function fill(select, options, wanted) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  if (options.some(([value]) => value === wanted)) select.value = wanted;
}
const address = new URLSearchParams(location.hash.slice(1));
// Single vectors first, and of these the data set with most runs is shown first.
const TRACKS = ["dense", "multivector", "table"];
// Map.groupBy, which browsers have since 2024 only.
function groupBy(items, keyOf) {
  const groups = new Map(items.map((item) => [keyOf(item), []]));
  for (const item of items) groups.get(keyOf(item)).push(item);
  return groups;
}
const datasets = [...groupBy(DATA.rows, (row) => row.dataset)].map(([name, rows]) => ({ name, track: TRACKS.indexOf(rows[0].track), runs: rows.reduce((sum, row) => sum + row.seeds.length, 0) })).sort((a, b) => a.track - b.track);
const fullest = datasets.filter(({ track }) => track === datasets[0]?.track).reduce((most, one) => (one.runs > most.runs ? one : most), datasets[0]);
const known = datasets.some(({ name }) => name === address.get("dataset"));
fill($("dataset"), datasets.map(({ name }) => [name, name]), known ? address.get("dataset") : fullest?.name);
fill($("measure"), DATA.measures.map((name) => [name, name.replaceAll("_", " ")]), address.get("measure") ?? "recall@10");
// A data set of another track has other measures: then its own first one is shown.
function fitMeasure() {
  const rows = DATA.rows.filter((row) => row.dataset === $("dataset").value);
  if (rows.length && !rows.some((row) => $("measure").value in row.quality)) $("measure").value = rows[0].headline;
}
fitMeasure();
fill($("size"), Object.entries(DATA.costs).slice(0, 4).map(([name]) => [name, name === "codes" ? "codes alone" : `with parts ${name}`]), address.get("size"));
// Of families the address has those that are not shown: one that comes with later data is.
const without = new Set((address.get("without") ?? "").split(","));
state.families = new Set(DATA.rows.map((row) => row.family).filter((family) => !without.has(family)));
$("search").value = address.get("search") ?? "";
if (address.get("scale") === "error") $("scale").value = "error";
$("grouped").checked = address.get("grouped") !== "no";
$("frontOnly").checked = address.get("fronts") === "only";
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
    swatch.style.background = DATA.colors[dataset][family];
    label.append(box, swatch, family);
    box.addEventListener("change", () => { box.checked ? state.families.add(family) : state.families.delete(family); show(); });
    return label;
  });
  $("families").replaceChildren($("families").querySelector("legend"), ...labels);
}
fillFamilies();
fillEngines(address.get("engine"));

const quality = (row, measure = $("measure").value) => row.quality[measure]?.[0] ?? null;
const COLUMNS = [
  { key: "method", title: "method", text: true, value: (row) => row.method },
  { key: "scheme", title: () => `in ${engine().title}`, text: true, name: "scheme", offer: true, value: (row) => row.offer.scheme, show: nameOf },
  { key: "served", title: "its bytes", offer: true, value: (row) => row.offer.bytes, show: (row) => written(row.offer.bytes) },
  { key: "family", title: "family", text: true, name: "family", value: (row) => row.family },
  { key: "budget", title: "budget", name: "budget", value: (row) => row.budgetBytes, show: (row) => row.budget },
  { key: "bytes", title: "bytes", name: "bytes", value: (row) => row.costs[$("size").value], show: (row) => ($("size").value === "codes" ? written(row.costs.codes) : digits(row.costs[$("size").value], 5)) },
  { key: "disk", title: "disk bytes", name: "disk", value: (row) => row.disk / row.n || null, show: (row) => digits(row.disk / row.n || null, 5) },
  { key: "quality", title: () => $("measure").value.replaceAll("_", " "), value: (row) => quality(row), interval: true },
  { key: "p50", time: true, title: "p50 ms", value: (row) => row.costs["p50 ms"], show: (row) => digits(row.costs["p50 ms"]) + (row.shared ? "*" : "") + (row.otherProcessor ? "†" : "") },
  { key: "p", title: "vs. best", value: (row) => (row.best ? 2 : row.p), show: (row) => (row.best ? "best" : row.p === null ? "–" : row.p >= 0.05 ? "=" : row.p < 0.001 ? "p < .001" : `p = ${digits(row.p, 2)}`) },
  { key: "p99", time: true, title: "p99 ms", value: (row) => row.p99, show: (row) => digits(row.p99) },
  { key: "qps", time: true, title: "queries/s", value: (row) => row.qps, show: (row) => digits(row.qps) },
  { key: "encode", time: true, title: "encode/s", value: (row) => row.encode, show: (row) => digits(row.encode) },
  { key: "fit", time: true, title: "fit s", value: (row) => row.fit, show: (row) => digits(row.fit) },
  { key: "seeds", title: "seeds", value: (row) => row.seeds.length },
];

state.descending = address.has("order") ? address.get("order") === "descending" : !lessIsBetter($("measure").value);
if (COLUMNS.some((column) => column.key === address.get("sort"))) state.sort = address.get("sort");

const ofDataset = () => DATA.rows.filter((row) => row.dataset === $("dataset").value);
// What none of the data set's runs has is no column: a table of embeddings encodes nothing.
// With an engine chosen its bytes stand beside the method's, and no times: those of the method here are not the engine's.
const columns = () => COLUMNS.filter((column) => (column.offer ? engine() : !(column.time && engine()) && (ofDataset().some((row) => !empty(column.value(row))) || column.key === "p")));
const empty = (value) => value === null || value === undefined;

function chosen() {
  const text = $("search").value.trim().toLowerCase();
  return DATA.rows.filter((row) => row.dataset === $("dataset").value && state.families.has(row.family)
    && ($("budget").value === "" || String(row.budgetBytes) === $("budget").value)
    && row.method.toLowerCase().includes(text) && quality(row) !== null);
}

function summary(row, cost) {
  const [value, low, high] = row.quality[$("measure").value];
  if (row.offer) return [`${row.method} at ${row.budget}\n${$("measure").value.replaceAll("_", " ")} ${fixed(value)} [${fixed(low)}, ${fixed(high)}]`, ...offerLines(row).map(([word, line]) => `${word}: ${line}`)].join("\n");
  const also = cost && cost !== $("size").value ? `\n${digits(row.costs[cost])} ${cost}` : "";
  return `${row.method} at ${row.budget} (${digits(row.costs.codes, 5)} B)\n${$("measure").value.replaceAll("_", " ")} ${fixed(value)} [${fixed(low)}, ${fixed(high)}]${also}\np50 ${digits(row.costs["p50 ms"])} ms`;
}

function table(rows) {
  const head = make("tr"), seen = columns();
  for (const column of seen) {
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
  const column = seen.find((one) => one.key === state.sort) ?? COLUMNS.find((one) => one.key === "quality");
  const sign = state.descending ? -1 : 1;
  const ordered = [...rows].sort((a, b) => {
    const first = column.value(a), second = column.value(b);
    if (empty(first) || empty(second)) return empty(first) - empty(second);
    return (first < second ? -1 : first > second ? 1 : 0) * sign || a.id - b.id;
  });
  const none = make("tr");
  none.append(make("td", { class: "none", colspan: seen.length }, "No run matches: choose another budget, family, quality or method name."));
  const grouped = $("grouped").checked && !engine();
  $("table").classList.toggle("grouped", grouped);
  $("table").classList.toggle("served", !!engine());
  const lines = grouped ? byBudget(ordered, seen) : ordered.map((row) => tableRow(row, seen));
  $("table").querySelector("tbody").replaceChildren(...(lines.length ? lines : [none]));
}

// Rows under their budgets, the largest first unless sorted by budget.
function byBudget(rows, seen) {
  const groups = [...groupBy(rows, (row) => row.budgetBytes)].sort(([a], [b]) => (state.sort === "budget" && !state.descending ? a - b : b - a));
  return groups.flatMap(([size, group]) => {
    const line = make("tr", { class: "group" });
    const title = group[0].budget === `${size}B` ? "" : `${group[0].budget}: `;
    line.append(make("th", { scope: "rowgroup", colspan: seen.length }, `${title}${size.toLocaleString("en")} bytes, ${group.length} ${group.length > 1 ? "methods" : "method"}`));
    return [line, ...group.map((row) => tableRow(row, seen))];
  });
}

function tableRow(row, seen) {
  const line = make("tr", { "data-id": row.id, class: row.best ? "best" : "" });
  for (const column of seen) {
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
  for (const node of document.querySelectorAll(`circle[data-id="${id}"], line[data-id="${id}"], tr[data-id="${id}"]`)) node.classList.add("on");
  for (const node of document.querySelectorAll("path.line")) if (node.dataset.method === rowOf(id).method || node.dataset.of === String(id)) node.classList.add("on");
}
// The card stays at its point while the page moves, and goes where the point is gone.
function follow() {
  const box = state.at?.isConnected ? state.at.getBoundingClientRect() : null;
  if ($("tip").hidden) return;
  if (box && box.bottom > 0 && box.top < innerHeight) tip(state.at); else $("tip").hidden = true;
}
function tip(node) {
  state.at = node;
  const box = node.getBoundingClientRect();
  $("tip").textContent = node.getAttribute("aria-label");
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
  const row = rowOf(id), environment = DATA.environments[row.environment];
  $("detailsTitle").textContent = `${row.method} at ${row.budget} on ${row.dataset}`;
  const item = { dense: "a vector", multivector: "a document", table: "in all" }[row.track];
  const listed = (values) => Object.entries(values ?? {}).filter(([name, value]) => !empty(value) && name !== "name").map(([name, value]) => `${name}=${value}`).join(", ");
  const size = (value) => digits(value, 5);
  const [p50, p95, p99] = [row.costs["p50 ms"], row.p95, row.p99].map((value) => digits(value));
  const lines = [
    ...(row.offer ? offerLines(row) : []),
    ["family", row.family],
    ...Object.entries(row.quality).map(([name, [value, low, high]]) => [name.replaceAll("_", " "), `${digits(value, 4)} [${digits(low, 4)}, ${digits(high, 4)}]`]),
    ["against the best", row.behind ? `${row.headline} ${fixed(row.behind[0], 4)} [${fixed(row.behind[1], 4)}, ${fixed(row.behind[2], 4)}], ${row.paired ? `effect ${fixed(row.effect, 2)}` : "by their intervals"}, ${row.p < 0.001 ? "p < .001" : `p = ${digits(row.p, 2)}`}` : row.best ? "best of its budget" : "not tested"],
    [`bytes ${item}`, `${row.costs.codes.toLocaleString("en")} of ${row.budgetBytes.toLocaleString("en")}` + (row.track === "table" ? "" : `; with parts ${size(row.costs["at N"])} at N, ${size(row.costs["at 1M"])} at 1M, ${size(row.costs["at 100M"])} at 100M`)],
    [row.track === "table" ? "made of" : "parts", Object.entries(row.parts).map(([name, count]) => `${name} ${bytes(count)}`).join(", ") || "none"],
    ["on disk", row.disk ? bytes(row.disk) : ""],
    ["latency", p50 === "–" ? "" : `p50 ${p50} ms, p95 ${p95} ms, p99 ${p99} ms${row.shared ? " (shared machine)" : ""}${row.otherProcessor ? " (another processor than most rows)" : ""}`],
    ...row.loads,
    ...(row.index?.lines ?? []),
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
  $("detailsBody").replaceChildren(body, ...(row.groups ? groupsOf(row) : []));
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
  $("better").textContent = $("scale").value === "error" || lessIsBetter($("measure").value) ? "Down and left" : "Up and left";
  const all = chosen(), rows = engine() ? servedOf(all) : all, costs = [$("size").value, "p50 ms", "encode us"];
  const fronts = costs.map((cost) => frontOf(rows, cost));
  const kept = $("frontOnly").checked ? rows.filter((row) => fronts.slice(0, engine() ? 1 : 3).some((front) => front.has(row))) : rows;
  costs.forEach((cost, number) => chart(number, kept, cost, engine() ? all : kept));
  curves(kept);
  engineNotes();
  table(kept);
  const one = ofDataset()[0];
  $("count").textContent = engine() ? `${kept.length} of ${engine().offers.length} points of ${engine().title} measured on these data` : `${kept.length} of ${ofDataset().length} runs on these data`;
  $("about").textContent = one ? `${one.dataset}: ${sizeOf(one)}` : "No runs.";
  const failed = DATA.failures.filter((f) => f.dataset === $("dataset").value);
  plainTable("failures", ["method", "budget", "status", "reason"], failed.map((f) => [f.method, f.budget, f.status, f.reason]), ["text", "text", "text", "reason"]);
  const { places = [], groups, measure, left_out: leftOut = [] } = DATA.rankings[one?.track] ?? {};
  $("rankingTitle").textContent = `Ranking of methods for ${{ dense: "single vectors", multivector: "sets of vectors", table: "embedding tables" }[one?.track]} over ${groups} groups`;
  $("rankedBy").textContent = measure ?? "";
  $("leftOut").textContent = leftOut.length ? ` Not ranked, for they never met these, not even through others: ${leftOut.join(", ")}.` : "";
  plainTable("ranking", ["method", "rank", "95%", "win rate", "measured in", "duels won"], places.map((r) => [r.name, digits(r.rank), `${digits(r.rank_low)} to ${digits(r.rank_high)}`, `${fixed(100 * r.win_rate, 1)}%`, `${r.tasks} of ${groups}`, `${r.won.toLocaleString("en")} of ${r.duels.toLocaleString("en")}`]), ["text"]);
  for (const [section, lines] of [["failuresSection", failed], ["rankingSection", places]]) {
    $(section).hidden = document.querySelector(`nav a[href="#${section}"]`).hidden = !lines.length;
  }
  const hash = new URLSearchParams(["dataset", "measure", "scale", "size", "budget"].map((id) => [id, $(id).value]));
  const hidden = unique(DATA.rows.map((row) => row.family)).filter((family) => !state.families.has(family)).sort();
  for (const [name, value] of [["engine", $("engine").value], ["without", hidden.join(",")], ["search", $("search").value.trim()], ["fronts", $("frontOnly").checked ? "only" : ""], ["grouped", $("grouped").checked ? "" : "no"]]) if (value) hash.set(name, value);
  hash.set("sort", state.sort);
  hash.set("order", state.descending ? "descending" : "ascending");
  try { history.replaceState(null, "", `#${hash}`); } catch { /* a sandboxed frame has no history */ }
}

for (const id of ["measure", "scale", "size", "budget", "engine", "frontOnly", "grouped"]) $(id).addEventListener("change", show);
$("measure").addEventListener("change", () => { state.sort = "quality"; state.descending = !lessIsBetter($("measure").value); show(); });
$("dataset").addEventListener("change", () => { fitMeasure(); fillBudgets(); fillFamilies(); fillEngines($("engine").value); show(); });
$("search").addEventListener("input", show);
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("close").addEventListener("click", () => $("details").close());
addEventListener("hashchange", () => location.reload()); // an address typed or pasted over this one
let drawnAt = innerWidth; // pictures have as many pixels as their places
addEventListener("resize", () => { if (innerWidth !== drawnAt) { drawnAt = innerWidth; show(); } });
addEventListener("scroll", follow, { capture: true, passive: true });
$("details").addEventListener("click", (event) => { if (event.target === $("details")) $("details").close(); });
for (const kind of ["mouseover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const node = event.target.closest?.("[data-id]");
    if (!node) { if (state.on !== null) highlight(null); return; }
    highlight(Number(node.dataset.id));
    if (node.tagName === "circle") tip(node); else $("tip").hidden = true;
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

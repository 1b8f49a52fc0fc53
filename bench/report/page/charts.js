// The three charts of all runs: points, lines of methods, fronts, intervals, ticks, and walking from point to point by keys.
// Larger is better; of a bias both signs are as bad.
const merit = (row) => (lessIsBetter($("measure").value) ? -Math.abs(quality(row)) : quality(row));
function frontOf(rows, cost) {
  const known = rows.filter((row) => row.costs[cost] !== null).sort((a, b) => a.costs[cost] - b.costs[cost] || merit(b) - merit(a));
  const front = new Set();
  let best = -Infinity, at = null;
  for (const row of known) {
    if (merit(row) > best) { best = merit(row); at = row.costs[cost]; front.add(row); }
    else if (merit(row) === best && row.costs[cost] === at) front.add(row);
  }
  return front;
}

// The vertical axis: the measure, or its error on a log scale, where what is near 1 stays distinguishable.
function verticalAxis(points, top, bottom, measure = $("measure").value) {
  const less = lessIsBetter(measure), log = $("scale").value === "error";
  const name = measure.replaceAll("_", " ");
  const error = (value) => (less ? Math.abs(value) : 1 - value);
  const values = points.flatMap((row) => row.quality[measure].filter((value) => !empty(value)));
  const known = log ? values.map(error) : values;
  const positive = points.map((row) => error(quality(row, measure))).filter((value) => value > 0);
  const floor = Math.min(...positive, ...(positive.length ? [] : [1])) / 2; // a log scale has no zero: none is drawn here
  const scaled = (value) => (log ? Math.log10(Math.max(error(value), floor)) : value);
  const heights = log ? known.map((value) => Math.log10(Math.max(value, floor))) : known;
  const [low, high] = padded(heights, 0.06, log ? 0.05 : 1e-3 * Math.max(...heights.map(Math.abs), 1e-6));
  const y = (value) => bottom - (scaled(value) - low) / (high - low) * (bottom - top);
  const marks = log ? ticksLog(low, high).map((value) => [value, bottom - (Math.log10(value) - low) / (high - low) * (bottom - top)]) : ticksLinear(low, high, Math.max(5, (bottom - top) / 60)).map((value) => [value, y(value)]);
  const none = log && known.some((value) => value <= 0) ? [["0", bottom - (Math.log10(floor) - low) / (high - low) * (bottom - top)]] : [];
  return {
    y, name: log ? (less ? `${name.includes("bias") ? `|${name}|` : name} (log scale)` : `1 - ${name} (log scale)`) : name,
    down: log || less, monotone: log || !/bias/.test(measure), // whether a better value is always further up, or down
    marks: [...none, ...marks.filter(([, at]) => !none.length || none[0][1] - at > 12).map(([value, at]) => [digits(value), at])],
  };
}
const padded = (values, share, least) => { const low = Math.min(...values), high = Math.max(...values), gap = Math.max((high - low) * share, least); return [low - gap, high + gap]; };

const LEFT = 46, RIGHT = 14, TOP = 10, BOTTOM = 40;
// With an engine chosen, rows are what it offers, and the front of all methods stands behind them.
function chart(number, rows, cost, all = rows) {
  const svg = $(`chart${number}`), figure = svg.closest("figure"), ofEngine = all !== rows;
  figure.hidden = !ofDataset().some((row) => row.costs[cost] > 0) || (number > 0 && ofEngine);
  const width = Math.round(figure.clientWidth) || 460, height = Math.round(number || width < 600 ? Math.min(330, 0.75 * width) : 0.76 * width);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const points = rows.filter((row) => row.costs[cost] > 0), behind = ofEngine ? all.filter((row) => row.costs[cost] > 0) : points;
  const seen = ofEngine ? [...points, ...frontOf(behind, cost)] : points;
  $(`cap${number}`).textContent = `${$("measure").value.replaceAll("_", " ")} against ${DATA.costs[cost]}`;
  if (!seen.length) { svg.append(drawn("text", { class: "empty", x: width / 2, y: height / 2 }, "no run matches")); svg.onkeydown = svg.onclick = null; return; }
  const axis = verticalAxis(seen, TOP, height - BOTTOM);
  $(`cap${number}`).textContent = `${axis.name} against ${DATA.costs[cost]}`;
  const [x0, x1] = padded(seen.map((row) => Math.log10(row.costs[cost])), 0.06, 0.05);
  const px = (value) => LEFT + (Math.log10(value) - x0) / (x1 - x0) * (width - LEFT - RIGHT);
  grid(svg, axis, cost in sizes() ? ticksRatio(x0, x1, seen[0].raw, width / 60) : [], ticksLog(x0, x1), px, width, height);
  svg.append(drawn("text", { class: "axis", x: (LEFT + width) / 2, y: height - 6, "text-anchor": "middle" }, DATA.costs[cost]));

  const placed = (those) => {
    const front = frontOf(those, cost);
    return those.map((row) => ({ row, id: row.id, x: px(row.costs[cost]), y: axis.y(quality(row)), front: front.has(row) })).sort((a, b) => a.front - b.front || a.x - b.x);
  };
  const places = placed(points), under = ofEngine ? placed(behind) : places;
  const onFront = places.filter((place) => place.front);
  const lines = number === 0 ? linesOf(under) : [];
  if (!ofEngine) for (const [method, line] of lines) svg.append(drawn("path", { class: `line${line.some((place) => place.front) ? "" : " pale"}`, d: joined(line), stroke: colorOf(line[0].row), "data-method": method }));
  const best = axis.monotone && lines.length ? bestOf(lines.map(([, line]) => line), under, axis.down) : null;
  svg.append(drawn("path", { class: "front", d: best ? joined(best) : steps(under.filter((place) => place.front)) }));
  if (ofEngine) svg.append(drawn("path", { class: "own", d: best && places.length ? joined(bestOf(linesOf(places).map(([, line]) => line), places, axis.down)) : steps(onFront) }));
  for (const { row, id, x, y, front: isFront } of places) {
    svg.append(drawn("circle", { class: `dot${isFront ? "" : " pale"}${row.offer?.equals === false ? " like" : ""}`, style: `--family: ${colorOf(row)}`, cx: x, cy: y, r: isFront ? 5.5 : 4.5, fill: colorOf(row), "data-id": id, tabindex: -1, role: "button", "aria-label": summary(row, cost) }));
  }
  for (const { row, id, x, front: isFront } of places) { // over the points, which may be the larger; seen at the front, elsewhere while pointed at
    const [, low, high] = row.quality[$("measure").value];
    if (empty(low) || empty(high)) continue;
    svg.append(drawn("line", { class: `span${isFront ? " near" : ""}`, x1: x, x2: x, y1: axis.y(low), y2: axis.y(high), "data-id": id }));
  }
  placeLabels(svg, labeled(onFront, ofEngine ? null : best), places, { x: LEFT + 2, y: 2, w: width - LEFT - 4, h: height - BOTTOM - 2 });
  walkable(svg, (a, b) => a.getAttribute("cx") - b.getAttribute("cx"));
}
// Keys go from dot to dot, in the order that they were drawn in unless it is given.
function walkable(svg, compare) {
  const order = [...svg.querySelectorAll(".dot")];
  if (compare) order.sort(compare);
  if (order.length) order[0].setAttribute("tabindex", 0);
  svg.onkeydown = (event) => walk(event, order);
  svg.onclick = (event) => near(event, order);
}
const colorOf = (row) => DATA.colors[row.dataset][row.family];

function grid(svg, axis, ratios, powers, px, width, height) {
  for (const [text, y] of axis.marks) {
    svg.append(drawn("line", { class: "gridline", x1: LEFT, x2: width - RIGHT, y1: y, y2: y }), drawn("text", { class: "axis", x: LEFT - 6, y: y + 4, "text-anchor": "end" }, text));
  }
  let last = -Infinity;
  for (const value of ratios.length > 1 ? ratios : powers) {
    const x = px(value);
    svg.append(drawn("line", { class: "gridline", x1: x, x2: x, y1: TOP, y2: height - BOTTOM }));
    if (Math.abs(x - last) < 36) continue;
    last = x;
    svg.append(drawn("text", { class: "axis", x, y: height - BOTTOM + 15, "text-anchor": "middle" }, short(value)));
  }
}

// A method's points over budgets, by size: [[method, places], ...], of those with several.
function linesOf(places) {
  const byMethod = new Map();
  for (const place of places) byMethod.set(place.row.method, [...(byMethod.get(place.row.method) ?? []), place]);
  return [...byMethod].map(([method, line]) => [method, line.sort((a, b) => a.x - b.x)]).filter(([, line]) => line.length > 1 && line[0].x < line.at(-1).x);
}
const joined = (line) => line.map(({ x, y }, i) => `${i ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`).join("");
const steps = (line) => line.map(({ x, y }, i) => (i ? `H${x}V${y}` : `M${x} ${y}`)).join("");

// The best at each size: over all points, and all lines between them, up to it; so no line stands above it.
function bestOf(lines, places, down) {
  const better = down ? Math.max : Math.min; // of heights in the picture, which grow downwards
  const xs = [...new Set([...places.flatMap(({ x }) => [x - 0.01, x]), ...Array.from({ length: 2000 }, (_, i) => i)])].sort((a, b) => a - b);
  const first = Math.min(...places.map(({ x }) => x)), last = Math.max(...places.map(({ x }) => x));
  const path = [];
  let best = null;
  for (const x of xs.filter((at) => at >= first && at <= last)) {
    const heights = places.filter((place) => place.x === x).map(({ y }) => y);
    for (const line of lines) {
      const after = line.findIndex((place) => place.x >= x);
      if (after < 1) continue;
      const [a, b] = [line[after - 1], line[after]];
      heights.push(a.y + (b.y - a.y) * (x - a.x) / (b.x - a.x || 1));
    }
    if (heights.length) best = best === null ? better(...heights) : better(best, ...heights);
    path.push({ x, y: best });
  }
  return path.filter(({ y }, i) => !i || i === path.length - 1 || y !== path[i - 1].y || y !== path[i + 1].y);
}

// Which points of the front are labeled: all, but where lines join points those on the best one, of a method's stretch the
// first and last.
function labeled(onFront, best) {
  const seen = best ? onFront.filter(({ x, y }) => best.some((at) => Math.hypot(at.x - x, at.y - y) < 1)) : onFront;
  const kept = seen.filter((place, i) => {
    const same = (other) => other?.row.method === place.row.method;
    return !best || !same(seen[i - 1]) || (!same(seen[i + 1]) && same(seen[i - 2]));
  });
  return kept.map(({ row, x, y, id }) => ({ text: nameOf(row), x, y, id }))
    .filter((one, i, all) => !all.slice(0, i).some((other) => other.text === one.text && Math.hypot(other.x - one.x, other.y - one.y) < 40));
}

// A finger is wider than a point: beside one, the nearest is meant.
function near(event, order) {
  if (event.target.closest("circle") || !order.length) return;
  const away = (node) => { const box = node.getBoundingClientRect(); return Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY); };
  const nearest = order.reduce((best, node) => (away(node) < away(best) ? node : best));
  if (away(nearest) < 20) open(Number(nearest.dataset.id));
}

function ticksLinear(low, high, most) {
  const rough = (high - low) / most, scale = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * scale >= rough) * scale;
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) ticks.push(Math.abs(value) < step / 1e6 ? 0 : value);
  return ticks;
}
const sizes = () => Object.fromEntries(Object.keys(DATA.costs).slice(0, 4).map((name) => [name, true]));
function ticksRatio(low, high, raw, most) { // bytes at 1x, 2x, 4x, ... of float32, as many as there is room for
  const ticks = [];
  for (let size = raw; size >= 1; size /= 2) if (Math.log10(size) >= low && Math.log10(size) <= high) ticks.push(size);
  const step = Math.ceil(ticks.length / Math.min(8, most));
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

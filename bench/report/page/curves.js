// Searches that visit a part of the codes: a line a run with an index, a point a number of lists or candidates.
const CURVES = [
  ["p50", "p50 latency of a query (ms)"],
  ["qps", "queries a second in batches"],
  ["visited", "share of the codes visited"],
];
// Points have recall alone; beside another measure recall@10 is drawn.
const curveMeasure = (row) => ($("measure").value in row.index.points[0].quality ? $("measure").value : "recall@10");
// In a chart of one kind of index its name says nothing.
const curveLabel = (row, indexed) => (unique(indexed.map(({ index }) => index.kind)).length === 1 ? row.method.replace(` index=${row.index.kind}`, "") : row.method);
const runOf = (row) => `${row.method} at ${row.budget}`;

function pointSummary({ probes, visited, p50, qps, quality: measured }, row, measure) {
  const [value, low, high] = measured[measure], every = row.index.points.at(-1).quality[measure][0];
  return [
    `${runOf(row)}: ${visited === 1 ? "all codes" : `${written(probes)} ${row.index.unit}, ${digits(100 * visited)}% of the codes`}`,
    `${measure} ${fixed(value)} [${fixed(low)}, ${fixed(high)}]`,
    `lost by the code ${fixed(1 - every)}, by the index ${fixed(every - value)}`,
    `p50 ${digits(p50)} ms, ${digits(qps)} queries/s${row.shared ? "*" : ""}${row.otherProcessor ? "†" : ""}`,
  ].join("\n");
}

// With an engine chosen there are none: its own index was not measured.
function curves(rows) {
  const indexed = engine() ? [] : rows.filter((row) => row.index);
  $("curvesSection").hidden = document.querySelector('nav a[href="#curvesSection"]').hidden = !indexed.length;
  if (indexed.length) CURVES.forEach(([cost, title], number) => curve(number, cost, title, indexed));
}

function curve(number, cost, title, indexed) {
  const svg = $(`curve${number}`), measure = curveMeasure(indexed[0]);
  const width = Math.round(svg.closest("figure").clientWidth) || 460, height = Math.round(Math.min(330, 0.75 * width));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const points = indexed.flatMap((row) => row.index.points);
  const axis = verticalAxis(points, TOP, height - BOTTOM, measure);
  $(`curveCap${number}`).textContent = `${axis.name} against ${title}`;
  const [x0, x1] = padded(points.map((point) => Math.log10(point[cost])), 0.06, 0.05);
  const px = (value) => LEFT + (Math.log10(value) - x0) / (x1 - x0) * (width - LEFT - RIGHT);
  grid(svg, axis, [], ticksLog(x0, x1), px, width, height);
  svg.append(drawn("text", { class: "axis", x: (LEFT + width) / 2, y: height - 6, "text-anchor": "middle" }, title));
  const lines = indexed.map((row) => row.index.points.map((point) => ({ row, point, id: row.id, x: px(point[cost]), y: axis.y(point.quality[measure][0]) })));
  for (const line of lines) svg.append(drawn("path", { class: "line", d: joined(line), stroke: colorOf(line[0].row), "data-of": line[0].id }));
  for (const { row, point, id, x, y } of lines.flat()) {
    svg.append(drawn("circle", { class: "dot", style: `--family: ${colorOf(row)}`, cx: x, cy: y, r: 3.5, fill: colorOf(row), "data-id": id, tabindex: -1, role: "button", "aria-label": pointSummary(point, row, measure) }));
  }
  const middles = lines.map((line) => line[Math.floor(line.length / 2)]);
  placeLabels(svg, middles.map(({ row, id, x, y }) => ({ text: curveLabel(row, indexed), id, x, y })), lines.flat(), { x: LEFT + 2, y: 2, w: width - LEFT - 4, h: height - BOTTOM - 2 });
  walkable(svg);
}

"use strict";
// Labels of points: beside their own point, or with a line that leads to it.
const AROUND = [[-1, -1], [1, 1], [1, -1], [-1, 1], [1, 0], [-1, 0], [0, -1], [0, 1]];
const DISTANCES = [4, 9, 16, 26, 38, 52, 70];
const apart = (box, x, y) => Math.hypot(Math.max(box.x - x, 0, x - box.x - box.w), Math.max(box.y - y, 0, y - box.y - box.h));
const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
const toSegment = (x, y, a, b) => { // distance of a point to a line from a to b
  const [dx, dy] = [b.x - a.x, b.y - a.y], along = Math.max(0, Math.min(1, ((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(a.x + along * dx - x, a.y + along * dy - y);
};

const pen = document.createElement("canvas").getContext("2d"); // measures text without a layout of the page
pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;

// wanted: [{text, x, y, id}], the first have the first choice; dots: all points [{x, y, front, id}]; area: where labels may lie.
function placeLabels(svg, wanted, dots, area) {
  const taken = [], leaders = [];
  for (const { text, x, y, id } of wanted) {
    const w = pen.measureText(text).width + 2, h = 13;
    let best = null;
    for (const distance of DISTANCES) for (const [dx, dy] of AROUND) {
      const step = distance + 5.5; // from the point's middle: its radius and the gap
      const slant = dx && dy ? 0.75 : 1;
      const box = { x: x + dx * step * slant - (dx < 0 ? w : dx ? 0 : w / 2), y: y + dy * step * slant - (dy < 0 ? h : dy ? 0 : h / 2), w, h };
      const cost = costOf(box, { x, y, id, distance }, dots, taken, leaders, area);
      if (cost !== null && (!best || cost.sum < best.sum)) best = { ...cost, box };
    }
    if (!best) continue;
    taken.push(best.box);
    if (best.leader) {
      leaders.push(best.leader);
      const { a, b } = best.leader;
      svg.append(drawn("line", { class: "leader", x1: a.x, y1: a.y, x2: b.x, y2: b.y, "data-of": id }));
    }
    svg.append(drawn("text", { class: "label", "pointer-events": "none", "data-of": id, x: best.box.x + 1, y: best.box.y + 10 }, text));
  }
}

// What a place costs: distance, points that it covers, and a line to its point where that is not the nearest; null: none.
function costOf(box, own, dots, taken, leaders, area) {
  if (box.x < area.x || box.y < area.y || box.x + box.w > area.x + area.w || box.y + box.h > area.y + area.h) return null;
  if (taken.some((other) => overlap(box, other)) || leaders.some(({ a, b }) => crosses(box, a, b))) return null;
  let sum = own.distance / 4, nearest = true;
  const away = apart(box, own.x, own.y);
  for (const dot of dots) {
    const to = apart(box, dot.x, dot.y);
    if (to < 6 && dot.front) return null;
    if (to < 5) sum += 3;
    if (dot.id !== own.id && Math.hypot(dot.x - own.x, dot.y - own.y) > 1 && to < away + 2) nearest = false;
  }
  if (nearest && own.distance < 20) return { sum, leader: null };
  const b = { x: Math.max(box.x, Math.min(own.x, box.x + box.w)), y: Math.max(box.y, Math.min(own.y, box.y + box.h)) };
  const length = Math.hypot(b.x - own.x, b.y - own.y);
  const a = { x: own.x + (b.x - own.x) * 5 / length, y: own.y + (b.y - own.y) * 5 / length };
  if (length < 9 || taken.some((other) => crosses(other, a, b)) || leaders.some((other) => meet(a, b, other.a, other.b))) return null;
  for (const dot of dots) if (dot.id !== own.id && dot.front && toSegment(dot.x, dot.y, a, b) < 6) sum += 8;
  return { sum: sum + 4, leader: { a, b } };
}

const turn = (a, b, c) => Math.sign((b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x));
const meet = (a, b, c, d) => turn(a, b, c) !== turn(a, b, d) && turn(c, d, a) !== turn(c, d, b);
function crosses(box, a, b) {
  const inside = ({ x, y }) => x > box.x && x < box.x + box.w && y > box.y && y < box.y + box.h;
  const [p, q, r, s] = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([i, j]) => ({ x: box.x + i * box.w, y: box.y + j * box.h }));
  return inside(a) || inside(b) || meet(a, b, p, r) || meet(a, b, q, s);
}

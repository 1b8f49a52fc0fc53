// What a run found by group of queries, under its details: measures with intervals, and what each group lost.
function groupsOf(row) {
  const interval = ([value, low, high]) => `${fixed(value)} [${fixed(low)}, ${fixed(high)}]`;
  const chance = (p) => (empty(p) ? "–" : p < 0.001 ? "< .001" : digits(p, 2));
  const known = unique(row.groups.flatMap((group) => Object.keys(group.quality)));
  const lost = unique(row.groups.flatMap((group) => Object.keys(group.lost)));
  const titles = ["group", "queries", ...known, ...lost.flatMap((name) => [`${name} lost`, "p", "others lost", "p"])];
  const cells = ({ group, queries, quality, lost: losses }) => [
    group,
    queries.toLocaleString("en"),
    ...known.map((name) => (quality[name] ? interval(quality[name]) : "–")),
    ...lost.flatMap((name) => {
      const [value, low, high, p, others, pOthers] = losses[name] ?? [];
      return empty(value) ? ["–", "–", "–", "–"] : [interval([value, low, high]), chance(p), empty(others) ? "–" : fixed(others), chance(pOthers)];
    }),
  ];
  const table = make("table", { class: "groups" }), head = make("thead"), body = make("tbody");
  for (const [place, tag, lines] of [[head, "th", [titles]], [body, "td", row.groups.map(cells)]]) {
    for (const texts of lines) { const line = make("tr"); line.append(...texts.map((text) => make(tag, {}, text))); place.append(line); }
  }
  table.append(head, body);
  const frame = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Groups of queries, scrolls" });
  frame.append(table);
  const hint = "Lost is what the exact neighbors' measure is above the run's, over the same queries. The first p is of losing anything (paired randomization test), the second of losing as much as the queries of all other groups do; both Holm-corrected over the groups of a heading.";
  const seed = row.seeds.length > 1 ? ` Seed ${row.seeds[0]}.` : "";
  return [make("h3", {}, "By group of queries"), frame, make("p", { class: "hint" }, hint + seed)];
}

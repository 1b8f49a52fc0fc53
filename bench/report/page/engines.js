// One engine on the front of all: each of its offers is the row that was measured of its method, at the engine's bytes.
const enginesHere = () => DATA.engines.datasets[$("dataset").value] ?? [];
const engine = () => enginesHere().find(({ name }) => name === $("engine").value);
// A choice is kept where the next data set has it too.
function fillEngines(wanted) {
  fill($("engine"), [["", "all"], ...enginesHere().map(({ name, title }) => [name, title])], wanted);
  $("engine").disabled = !enginesHere().length;
}

// Rows of offers have numbers of their own, after those of the measured rows.
let served = [];
const rowOf = (id) => DATA.rows[id] ?? served[id - DATA.rows.length];
// What the chosen engine has of these rows; size counts the method's parts, and the engine's bytes for the method's.
function servedOf(rows) {
  const { offers } = engine(), among = new Set(rows);
  served = offers.filter(({ row }) => among.has(DATA.rows[row])).map((offer, at) => {
    const row = DATA.rows[offer.row], beyond = offer.bytes - row.costs.codes, costs = { ...row.costs };
    for (const name of Object.keys(sizes())) if (!empty(costs[name])) costs[name] += beyond;
    return { ...row, costs, offer, id: DATA.rows.length + at };
  });
  return served;
}
const text = (number) => DATA.engines.texts[number];
const mark = ({ offer }) => (offer.equals ? "=" : "\u2248");
const nameOf = (row) => (row.offer ? `${mark(row)}\u00a0${row.offer.scheme}` : row.method);

// What an offer is, in lines of a word and a text.
function offerLines({ offer, method }) {
  return [
    [engine().title, `${offer.scheme}, which ${offer.equals ? "equals" : "is nearest to"} ${method}`],
    ["in the engine", `${written(offer.bytes)} B a code, ${written(offer.method_bytes)} B by the method`],
    [offer.equals ? "note" : "differs", text(offer.differs)],
    ["type", text(offer.typed) || "nothing"],
  ].filter(([, line]) => line !== "");
}

// Beside the chart: how it is read, and what the engine has that no row was measured of.
function engineNotes() {
  const notes = $("engineNotes"), chosenOne = engine();
  notes.hidden = !chosenOne;
  $("lines").textContent = chosenOne ? `of all methods at each size, the dark one that of ${chosenOne.title}` : "at each size, colored lines join a method's budgets";
  $("grouped").disabled = !!chosenOne;
  if (!chosenOne) { notes.replaceChildren(); return; }
  const list = make("ul");
  list.append(...chosenOne.missing.map((name) => make("li", {}, name)));
  notes.replaceChildren(
    make("h3", {}, `What ${chosenOne.title} offers`),
    make("p", {}, "Full points and =: the codes are those of the method that was measured here. Hollow points and \u2248: what was measured is the nearest method, or another option of it. A point that is pointed at says what differs, and what to type."),
    make("p", {}, "Each stands at the engine's own bytes of a code, with padding and the numbers kept beside it; ids, links and originals come on top. Times of the engine were not measured."),
    ...(chosenOne.missing.length ? [make("h3", {}, "Not measured here"), list] : []),
  );
}

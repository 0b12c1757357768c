// Two settings side by side: what moved, and how far.

import { Problem, ask, focusSearch } from "./api.js";
import { profileOf, settings } from "./controls.js";
import { $, eachFrame, h, isWide, moved, number, own } from "./dom.js";
import { body, read, write } from "./state.js";
import { watch } from "./status.js";
import { bar, shift } from "./why.js";
import { written } from "./words.js";

const SHOWN = 20;
const SIDES = ["a", "b"];

const input = $("#q");
let catalog = null, running = null, begun = false;
const asked = () => Object.fromEntries(SIDES.map((side) => [side, read(location.search, `${side}.`)]));
let states = asked();

function address(settled) {
  const given = new URLSearchParams(input.value ? { q: input.value } : {});
  for (const side of SIDES) {
    for (const [name, value] of write(states[side], { prefix: `${side}.` })) given.append(name, value);
  }
  if (String(given) === String(new URLSearchParams(location.search))) return;
  history[settled ? "pushState" : "replaceState"](null, "", `?${given}`);
}

async function run() {
  if (!catalog) return;
  running?.abort();
  const mine = (running = new AbortController());
  const q = input.value;
  if (!q.trim()) {
    for (const side of SIDES) $(`#list-${side}`).replaceChildren();
    return summarise(null);
  }
  try {
    const answers = await Promise.all(SIDES.map((side) => ask("/v1/search", {
      body: { ...body(states[side]), q, k: Math.min(SHOWN, depth(states[side])) },
      signal: mine.signal,
    })));
    if (mine === running) present(answers);
  } catch (error) {
    if (error.name === "AbortError" || mine !== running) return;
    if (!(error instanceof Problem)) throw error;
    tell(error);
  }
}

function tell(error) {
  $("#notice").className = "problem";
  $("#notice").textContent = error.message;
}

const depth = (state) => state.n_candidates ?? profileOf(catalog, state).n_candidates;

const soon = eachFrame(run);

function present([one, other]) {
  $("#notice").className = "";
  column("a", one, other);
  column("b", other, one);
  summarise(changes(one.results, other.results));
}

// Ranks of b against a: what moved, came and went.
export function changes(before, after) {
  const was = new Map(before.map((one) => [one.item_id, one.rank]));
  const shifts = after.filter((one) => was.has(one.item_id)).map((one) => was.get(one.item_id) - one.rank);
  const moves = shifts.filter((shift) => shift !== 0);
  return {
    both: shifts.length, of: after.length, moved: moves.length,
    places: moves.length ? moves.reduce((sum, shift) => sum + Math.abs(shift), 0) / moves.length : 0,
    came: after.length - shifts.length, went: before.length - shifts.length,
  };
}

function summarise(found) {
  $("#notice").textContent = !found ? "Type a query to compare both settings on it."
    : found.moved || found.came || found.went
      ? `${found.both} of ${found.of} in both; ${found.moved} moved, by ${number(found.places, 1)} places on average; ${found.came} only on the right, ${found.went} only on the left.`
      : `The same ${found.of} in the same order.`;
}

function column(side, answer, other) {
  const ranks = new Map(other.results.map((one) => [one.item_id, one.rank]));
  const whole = Math.max(1, ...answer.results.map((one) => one.score));
  const list = $(`#list-${side}`);
  const against = (result) => {
    const there = ranks.get(result.item_id);
    if (!there) return h("span", { class: "was" }, "only here");
    return shift(there - result.rank, h("span", { class: "hidden" }, ` against rank ${there} on the other side`));
  };
  moved(list, () => list.replaceChildren(...answer.results.map((result) =>
    h("li", { class: "card", "data-id": result.item_id },
    h("span", { class: "rank" }, result.rank),
    h("div", { class: "what" }, h("h3", {}, written(result.title)), bar(result.components, whole),
      h("p", { class: "standing" }, h("strong", {}, number(result.score)), " ", against(result)))))));
}

// An item that is pointed at is marked on both sides.
document.addEventListener("pointerover", ({ target }) => {
  const id = target.closest("li.card")?.dataset.id;
  for (const one of document.querySelectorAll("li.card")) one.classList.toggle("marked", one.dataset.id === id);
});

function controls() {
  for (const side of SIDES) {
    const changed = (settled, redraw = false) => {
      if (settled) address(true);
      if (redraw) controls();
      soon();
    };
    $(`#settings-${side}`).replaceChildren(...settings(catalog, states[side], changed, `${side}-`));
  }
}

$("#search").addEventListener("submit", (event) => {
  event.preventDefault();
  address(true);
  run();
});
input.addEventListener("input", () => { address(false); soon(); });
document.addEventListener("keydown", focusSearch);
addEventListener("popstate", () => {
  input.value = new URLSearchParams(location.search).get("q") ?? "";
  states = asked();
  controls();
  run();
});

async function begin() {
  try {
    catalog = await ask("/v1/catalog");
  } catch (error) {
    return tell(error);
  }
  for (const side of SIDES) {
    if (!own(catalog.profiles, states[side].profile)) states[side].profile = null;
  }
  const said = [...new URLSearchParams(location.search).keys()].some((name) => name.startsWith("b."));
  if (!begun && !said) {
    states.b.profile = Object.keys(catalog.profiles).find((name) => name !== catalog.default_profile) ?? null;
  }
  begun = true;
  address(false);
  controls();
  await run();
}

for (const one of document.querySelectorAll("details.panel")) one.open = isWide();
watch({ onSwap: begin, onReturn: begin });
begin();

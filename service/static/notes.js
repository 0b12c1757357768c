// What the page says of a list: its heading, how much there is, and its end.

import { count } from "./dom.js";
import { unfiltered } from "./filters.js";
import { attributeOf, labelOf } from "./words.js";

const DEEPEST = 1000, DEEPER = 4;

const ORDERS = { popularity: "Most popular", recency: "The newest", catalogue: "From the catalogue" };

export function headed(answer, state, catalog, like) {
  const text = state.q.trim();
  if (state.taste) return text ? `For your taste: ${text}` : "For your taste";
  if (state.like) return `More like ${like}`;
  if (text) return `Results for ${text}`;
  const narrowed = answer.matched < catalog.items ? " of these" : "";
  const order = ORDERS[answer.ordered_by];
  return order ? `${order}${narrowed}` : `By ${labelOf(attributeOf(catalog, answer.ordered_by.split(":")[0]))}`;
}

const items = (n) => (n === 1 ? "1 item" : `${count(n)} items`);

export function matches({ about, matched, scope }, shown) {
  const found = about === null || about === undefined || about === matched || scope === "matches" ? items(matched)
    : `${count(about)} of ${items(matched)} ${about === 1 ? "is" : "are"} about this`;
  return shown < matched ? `${found}, ${count(shown)} shown` : found;
}

const REASONS = {
  bundle_without_neighbours: "by text alone: this catalogue does not say who likes what",
  profile_without_neighbours: "by text and popularity: this ranking does not weigh what others like",
  nothing_liked: "by text: nothing is liked yet",
  liked_by_nobody: "by text and popularity: nobody else likes what was given",
};
export const reasonOf = (reason) => REASONS[reason];

// What the end of a list says, and what it offers: a label and the change that it makes.
export function atEnd({ matched, n_candidates: depth, scope }, shown, state, filters) {
  if (shown < matched && scope === "candidates" && depth < DEEPEST && state.min_score === null && state.k === null) {
    return [`The end: these ${count(shown)} were compared closely.`, "Go deeper", { n_candidates: Math.min(DEEPEST, DEEPER * depth) }];
  }
  const said = `The end: ${shown < matched ? `${count(shown)} of ${items(matched)}` : `all ${items(matched)}`}.`;
  return filters.length ? [said, "Clear the filters", unfiltered()] : [said];
}

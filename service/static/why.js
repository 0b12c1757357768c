// Why an item stands where it does, in sentences and in numbers that add up.

import { count, h, number } from "./dom.js";
import { called, words, written } from "./words.js";

export function bar(components, whole) {
  const parts = components.filter((part) => part.contribution > 0);
  const said = parts.map((part) => `${called(part.feature)} ${number(part.contribution)}`);
  const element = h("div", { class: "bar", role: "img", "aria-label": `Score: ${said.join(", ")}` });
  for (const part of parts) {
    const piece = h("span", { class: `f-${part.feature}`, title: `${called(part.feature)} ${number(part.contribution)}` });
    piece.style.width = `${(100 * part.contribution) / whole}%`;
    element.append(piece);
  }
  return element;
}

export const shift = (up, said) => h("span", { class: `was ${up > 0 ? "up" : up < 0 ? "down" : ""}` },
  up > 0 ? `▲${up}` : up < 0 ? `▼${-up}` : "=", said);

// `asked` is what the list is about: { text, likes: titles, item: a title }.
export function reasons(result, whole, asked) {
  const weighed = result.components.filter((part) => part.weight);
  const rows = weighed.map((part) => h("tr", {},
    h("th", { scope: "row" }, h("i", { class: `dot f-${part.feature}` }), called(part.feature), part.estimated ? " (estimated)" : ""),
    h("td", {}, number(part.value)), h("td", {}, `× ${number(part.weight, 2)}`),
    h("td", {}, `= ${number(part.contribution)}`)));
  return [
    h("ul", {}, sentences(result, asked).map((text) => h("li", {}, text))),
    bar(weighed, whole),
    h("p", { class: "standing" }, "Score: ", h("strong", {}, number(result.score))),
    h("table", {},
      h("caption", {}, "What the score is made of"),
      h("thead", {}, h("tr", {}, ["part", "value", "weight", "adds"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, rows)),
  ];
}

const list = (names) => (names.length > 3 ? [...names.slice(0, 2), `${names.length - 2} more`] : names)
  .join(", ").replace(/, ([^,]*)$/, " and $1");

function sentences(result, { text, likes, item }) {
  const part = Object.fromEntries(result.components.filter((one) => one.weight).map((one) => [one.feature, one]));
  const share = (feature) => part[feature]?.value > 0 && `${Math.round(100 * part[feature].value)} %`;
  const source = item ? written(item) : likes.length ? list(likes.map(written)) : "what you gave";
  const told = [];
  const has = (result.highlights ?? []).map((one) => `“${one.words.join(" ")}” in its ${words(one.field)}`);
  if (has.length) told.push(`It has ${list(has)}.`);
  if (result.retrieval_score !== null) {
    const place = result.retrieval_rank ? `It is number ${result.retrieval_rank}` : "It was not found";
    told.push(`${place} by closeness in meaning to ${text ? "what you typed" : source}.`);
  }
  if (part.title_match?.value > 0.5) told.push("Its title is like what you typed.");
  if (share("co_liked")) told.push(`About ${share("co_liked")} of those who like ${source} like it too.`);
  if (share("collaborative")) told.push(`${source}: your likes speak for it ${share("collaborative")} as much as for the best.`);
  if (result.fallback) told.push("Nobody likes it together with anything else: text and ratings place it.");
  if (result.rating_count) {
    told.push(`${count(result.rating_count)} people rated it ${number(result.mean_rating, 2)} on average.`);
  } else if (result.rating_count === 0) {
    told.push("Nobody has rated it: the mean of all items stands in.");
  }
  if (part.recency?.value > 0.5) told.push("It is one of the newer ones.");
  const explained = result.explanation;
  if (!explained) return told;
  for (const [feature, rank] of Object.entries(explained.rank_without)) {
    if (part[feature] && rank !== result.rank) told.push(`Without “${called(feature)}” it would be number ${rank}.`);
  }
  const range = explained.popularity_range;
  if (range && part.popularity) {
    told.push(`It stays above the next while “${called("popularity")}” weighs ${number(range.low, 2)} to ${number(range.high, 2)}.`);
  }
  return told;
}

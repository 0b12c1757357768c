// Results: a card each, with its score and the reasons.

import { button, count, h, number, words } from "./dom.js";

const LANES = {
  semantic: "its text is near", text: "it is near what you typed", words: "it has your words",
  title: "its title is spelled alike",
  neighbours: "the same people like it", popular: "many rated it",
};

export function bar(components, whole) {
  const parts = components.filter((part) => part.contribution > 0);
  const said = parts.map((part) => `${words(part.feature)} ${number(part.contribution)}`);
  const element = h("div", { class: "bar", role: "img", "aria-label": `Score: ${said.join(", ")}` });
  for (const part of parts) {
    const piece = h("span", { class: `f-${part.feature}`, title: `${words(part.feature)} ${number(part.contribution)}` });
    piece.style.width = `${(100 * part.contribution) / whole}%`;
    element.append(piece);
  }
  return element;
}

function standing(result) {
  const alone = result.retrieval_rank;
  if (result.retrieval_score === null) return null;
  if (!alone) return h("span", { class: "was" }, "not found by similarity");
  return shift(alone - result.rank, ` (${alone} by similarity alone)`);
}

export const shift = (up, said) => h("span", { class: `was ${up > 0 ? "up" : up < 0 ? "down" : ""}` },
  up > 0 ? `▲${up}` : up < 0 ? `▼${-up}` : "=", said);

export function card(result, { whole, shelf, onLike, onMore }) {
  const year = result.attributes.year;
  const meta = [year, ...result.categories].filter((one) => one !== null && one !== undefined);
  const why = h("div", { class: "why", id: `why-${result.rank}`, hidden: true });
  const toggle = button({
    "aria-expanded": "false", "aria-controls": why.id,
    "aria-label": `Why here? ${result.title}`,
    onclick: () => {
      why.hidden = !why.hidden;
      toggle.setAttribute("aria-expanded", String(!why.hidden));
      if (!why.childElementCount) why.append(...reasons(result));
    },
  }, "Why here?");
  const thumb = (liked, kind, verb) => button({
    class: `thumb ${kind}`, title: verb, "aria-label": `${verb} ${result.title}`,
    "aria-pressed": String(shelf.some((one) => one.id === result.item_id && one.liked === liked)),
    onclick: () => onLike(result, liked),
  }, h("i", { class: "icon" }));
  return h("li", { class: "card", tabindex: "-1", "data-id": result.item_id, "aria-labelledby": `t-${result.rank}` },
    h("span", { class: "rank", "aria-hidden": "true" }, result.rank),
    h("div", { class: "what" },
      h("h3", { id: `t-${result.rank}` }, h("span", { class: "hidden" }, `${result.rank}. `), result.title),
      h("p", { class: "meta" }, meta.join(" · ") || "no categories"),
      bar(result.components, whole),
      h("p", { class: "standing" }, h("strong", {}, number(result.score)), " ", standing(result)),
      h("p", { class: "actions" },
        toggle,
        button({ "aria-label": `More like ${result.title}`, onclick: () => onMore(result) }, "More like this"),
        thumb(true, "yes", "Like"), thumb(false, "no", "Dislike")),
      why));
}

function reasons(result) {
  const rows = result.components.map((part) => h("tr", {},
    h("th", { scope: "row" }, h("i", { class: `dot f-${part.feature}` }), words(part.feature), part.estimated ? " (estimated)" : ""),
    h("td", {}, number(part.value)), h("td", {}, `× ${number(part.weight, 2)}`),
    h("td", {}, `= ${number(part.contribution)}`)));
  return [
    h("ul", {}, sentences(result).map((text) => h("li", {}, text))),
    h("table", {},
      h("caption", {}, "What the score is made of"),
      h("thead", {}, h("tr", {}, ["part", "value", "weight", "adds"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, rows),
      h("tfoot", {}, h("tr", {}, h("th", { scope: "row" }, "score"), h("td"), h("td"), h("td", {}, number(result.score))))),
  ];
}

function sentences(result) {
  const value = Object.fromEntries(result.components.map((part) => [part.feature, part.value]));
  const told = [];
  if (result.lanes.length) {
    told.push(`Found because ${result.lanes.map((lane) => LANES[lane] ?? lane).join(" and ")}.`);
  }
  if (result.retrieval_score !== null) {
    const place = result.retrieval_rank ? `number ${result.retrieval_rank}` : "not found";
    told.push(`Similarity ${number(result.retrieval_score)}: ${place} by that alone.`);
  }
  const has = (result.highlights ?? []).map((one) => `“${one.words.join(" ")}” in its ${words(one.field)}`);
  if (has.length) told.push(`It has ${has.join(", ")}.`);
  const share = (feature) => value[feature] > 0 && `${Math.round(100 * value[feature])} %`;
  if (share("co_liked")) told.push(`About ${share("co_liked")} of those who like what you gave like it too.`);
  if (share("collaborative")) told.push(`Your likes speak for it ${share("collaborative")} as much as for the best.`);
  if (result.fallback) told.push("Nobody likes it together with anything else: text and ratings place it.");
  if (result.rating_count) {
    told.push(`${count(result.rating_count)} people rated it ${number(result.mean_rating, 2)} on average.`);
  } else if (result.rating_count === 0) {
    told.push("Nobody has rated it: the mean of all items stands in.");
  }
  const explained = result.explanation;
  if (!explained) return told;
  const changed = Object.entries(explained.rank_without).filter(([, rank]) => rank !== result.rank);
  for (const [feature, rank] of changed) {
    told.push(`Without ${words(feature)} it would be number ${rank}.`);
  }
  const range = explained.popularity_range;
  if (range) {
    told.push(`It stays above the next while popularity weighs ${number(range.low, 2)} to ${number(range.high, 2)}.`);
  }
  return told;
}

// The page of one item: all that is known of it, and what is like it.

import { Problem, ask, focusSearch } from "./api.js";
import { card, judged, pageOf, picture, pressed, subtitle, thumbs } from "./cards.js";
import { $, button, count, h, number } from "./dom.js";
import { ofAnswer } from "./events.js";
import { kept, toggle } from "./shelf.js";
import { attributeOf, labelOf, upper, valueOf, written } from "./words.js";

const article = $("#item"), { id } = article.dataset;

function onLike(item, liked) {
  judged(item, liked, toggle(item.item_id, item.title, liked));
  pressed(kept());
}

const pair = (label, value) => (value ? [h("dt", {}, upper(label)), h("dd", {}, value)] : []);

function facts(item, catalog) {
  const attributes = Object.entries(item.attributes).map(([name, value]) => [attributeOf(catalog, name), value]);
  const search = (name) => h("a", { href: `/?${new URLSearchParams({ category: name })}` }, name);
  return h("dl", { class: "facts" },
    attributes.flatMap(([attribute, value]) => pair(labelOf(attribute), valueOf(attribute, value))),
    pair("categories", item.categories.length ? item.categories.flatMap((name, place) => [place ? ", " : "", search(name)]) : null),
    pair("ratings", item.rating_count ? `${number(item.mean_rating, 2)} on average, by ${count(item.rating_count)} people` : null));
}

function show(item, catalog) {
  const { display } = item, title = written(item.title);
  document.title = `${title} – Shortlist`;
  article.replaceChildren(...[
    h("h2", { id: "title" }, title), picture(display),
    subtitle(display, title),
    display.description ? h("p", {}, display.description) : null,
    facts(item, catalog),
    h("p", { class: "actions" }, thumbs(item, kept(), onLike),
      h("a", { class: "button", href: `/?${new URLSearchParams({ like: id })}` }, "More like this, with filters")),
  ].filter(Boolean));
}

function showSimilar(answer, item, catalog) {
  ofAnswer(answer);
  const about = {
    catalog, shelf: kept(), onLike, wanted: [], asked: { text: "", item: item.title, likes: [] },
    whole: Math.max(1, ...answer.results.map((one) => one.score)),
    onMore: (result) => location.assign(pageOf(result.item_id)),
  };
  $("#heading").textContent = answer.results.length ? "More like this" : "";
  $("#results").replaceChildren(...answer.results.map((result) => card(result, about)));
}

async function begin() {
  const path = `/v1/items/${encodeURIComponent(id)}`;
  try {
    const [catalog, item] = await Promise.all([ask("/v1/catalog"), ask(path)]);
    show(item, catalog);
    showSimilar(await ask(`${path}/similar?explain=true`), item, catalog);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    $("#notice").className = "problem";
    $("#notice").replaceChildren(error.message, " ", button({ onclick: begin }, "Try again"));
  }
}

document.addEventListener("keydown", focusSearch);
begin();

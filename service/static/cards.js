// Results, a card each. Reasons come when they are asked for.

import { button, h } from "./dom.js";
import { did, followed } from "./events.js";
import { reasons } from "./why.js";
import { marked, meta, written } from "./words.js";

export const pageOf = (id) => `/items/${encodeURIComponent(id)}`;

// What somebody thinks of an item, now that they have said it.
export const judged = (item, liked, isOn) => { if (isOn) did(liked ? "like" : "dislike", item); };

// A thumb is down while its item stands on the shelf with it.
export function thumbs(item, shelf, onLike) {
  const thumb = (liked, kind, verb) => button({
    class: `thumb ${kind}`, "aria-label": `${verb} ${written(item.title)}`, "data-liked": String(liked),
    "aria-pressed": String(shelf.some((one) => one.id === item.item_id && one.liked === liked)),
    onclick: () => onLike(item, liked),
  }, h("i", { class: "icon" }));
  return [thumb(true, "yes", "Like"), thumb(false, "no", "Dislike")];
}

export function pressed(shelf) {
  for (const one of document.querySelectorAll("[data-id] .thumb")) {
    const { id } = one.closest("[data-id]").dataset;
    one.setAttribute("aria-pressed", String(shelf.some((each) => each.id === id && String(each.liked) === one.dataset.liked)));
  }
}

export const picture = (display) => (display.image
  ? h("img", { class: "picture", src: display.image, alt: "", loading: "lazy" }) : null);

export const subtitle = ({ subtitle: text, link }, title) => (text || link ? h("p", {}, text, " ",
  link ? h("a", { href: link, rel: "noopener", "aria-label": `Website of ${title}` }, "Website") : null) : null);

export function card(result, { catalog, whole, wanted, asked, shelf, onLike, onMore }) {
  const { display } = result, title = written(result.title);
  const why = h("div", { class: "why", id: `why-${result.rank}`, hidden: true });
  const toggle = button({
    "aria-expanded": "false", "aria-controls": why.id, "aria-label": `Why here? ${title}`,
    onclick: () => {
      why.hidden = !why.hidden;
      toggle.setAttribute("aria-expanded", String(!why.hidden));
      if (!why.childElementCount) why.append(...reasons(result, whole, asked));
    },
  }, "Why here?");
  return followed(h("li", { class: "card", tabindex: "-1", "data-id": result.item_id, "aria-labelledby": `t-${result.rank}` },
    h("span", { class: "rank", "aria-hidden": "true" }, result.rank),
    picture(display),
    h("div", { class: "what" },
      h("h3", { id: `t-${result.rank}` }, h("span", { class: "hidden" }, `${result.rank}. `),
        h("a", { href: pageOf(result.item_id) }, marked(title, wanted))),
      subtitle(display, title),
      h("p", { class: "meta" }, meta(catalog, result)),
      display.description ? h("p", { class: "said" }, marked(display.description, wanted)) : null,
      h("p", { class: "actions" },
        toggle,
        button({ "aria-label": `More like ${title}`, onclick: () => { did("click", result); onMore(result); } }, "More like this"),
        thumbs(result, shelf, onLike)),
      why)), result);
}

// What this person likes and dislikes. It stays in this browser.

import { pageOf } from "./cards.js";
import { button, h } from "./dom.js";
import { written } from "./words.js";

const SHELF = "shortlist-shelf";

export function kept() {
  try {
    const items = JSON.parse(localStorage.getItem(SHELF));
    return Array.isArray(items) ? items.filter((one) => typeof one?.id === "string") : [];
  } catch {
    return [];
  }
}

function keep(items) {
  if (items.length) localStorage.setItem(SHELF, JSON.stringify(items));
  else localStorage.removeItem(SHELF);
}

// Puts an item on the shelf, or takes it off if it is there with the same thumb; returns whether it
// is there now.
export function toggle(id, title, liked) {
  const others = kept().filter((one) => one.id !== id);
  const same = kept().some((one) => one.id === id && one.liked === liked);
  keep(same ? others : [...others, { id, title, liked }]);
  return !same;
}

export const ids = (liked) => kept().filter((one) => one.liked === liked).map((one) => one.id);

export function shelfView({ active, onChange, onUse, onLeave }) {
  const items = kept();
  if (!items.length) return [];
  const chip = (one) => h("li", {},
    h("i", { class: `icon ${one.liked ? "yes" : "no"}` }),
    h("span", { class: "hidden" }, one.liked ? "liked: " : "disliked: "),
    h("a", { href: pageOf(one.id) }, written(one.title)),
    button({
      class: "plain", "aria-label": `Take ${written(one.title)} off the shelf`,
      onclick: () => { toggle(one.id, one.title, one.liked); onChange(); },
    }, "×"));
  return [
    h("h2", {}, "Your shelf"),
    h("ul", { class: "chips" }, items.map(chip)),
    active
      ? button({ onclick: onLeave }, "Back to search")
      : button({ class: "main", onclick: onUse }, "For your taste"),
    button({ onclick: () => { keep([]); onChange(); } }, "Empty the shelf"),
  ];
}

// Filters: what can be ticked and brushed, and chips of what is.

import { button, count, h } from "./dom.js";
import { brush } from "./brush.js";
import { table } from "./state.js";
import { attributeOf, labelOf, upper, valueOf } from "./words.js";

const MOST_TICKED = 60, AT_ONCE = 12;

// Few enough values to choose among, and more than one.
const isTicked = (one) => one.values.length > 1 && one.values.length <= MOST_TICKED && !one.others;

// What an answer shall count: everything that can be ticked.
export const counted = ({ categories, values }) =>
  [...(categories?.length ? ["categories"] : []), ...values.filter(isTicked).map((one) => one.name)];

export const unfiltered = () => ({
  category: [], unread: [], range: table(), attr: table(), near: null, min_rating_count: 0,
});

export function filters(catalog, state, onChange) {
  const { categories, histograms, values, times = [] } = catalog.facets;
  const parts = [];
  if (categories?.length) {
    parts.push(boxes("Categories", "categories", categories.map((one) => [one.name, one.name, one.count]), state.category,
      (chosen) => { state.category = chosen; onChange(true); }));
  }
  for (const one of values.filter(isTicked)) {
    const attribute = attributeOf(catalog, one.name);
    parts.push(boxes(upper(labelOf(attribute)), one.name,
      one.values.map((each) => [each.value, upper(valueOf(attribute, each.value)), each.count]),
      state.attr[one.name] ?? [], (chosen) => {
        if (chosen.length) state.attr[one.name] = chosen;
        else delete state.attr[one.name];
        onChange(true);
      }));
  }
  for (const one of [...histograms, ...times]) {
    if (one.bins.length) parts.push(brush(attributeOf(catalog, one.name), one.bins, times.includes(one), state, onChange));
  }
  if (catalog.rating_scale) parts.push(ratings(state, onChange));
  return parts;
}

function ratings(state, onChange) {
  const input = h("input", {
    type: "number", id: "min-ratings", min: 0, step: 1, value: state.min_rating_count,
    oninput: () => {
      state.min_rating_count = Math.max(0, Math.floor(input.valueAsNumber || 0));
      onChange(false);
    },
    onchange: () => onChange(true),
  });
  return h("div", { class: "field" }, h("label", { for: "min-ratings" }, "Ratings at least"), input);
}

function boxes(legend, facet, entries, chosen, onTick) {
  const box = ([value, shown, all]) => h("label", { class: "box" },
    h("input", {
      type: "checkbox", checked: chosen.includes(value), "data-category": value,
      onchange: (event) => {
        chosen = chosen.filter((one) => one !== value);
        if (event.target.checked) chosen.push(value);
        onTick(chosen);
      },
    }), h("span", {}, ` ${shown} `), h("span", { class: "n", "data-facet": facet, "data-count": value }, count(all)));
  const shown = entries.map(box);
  const more = shown.slice(AT_ONCE);
  return h("fieldset", { class: "boxes" }, h("legend", {}, legend), shown.slice(0, AT_ONCE),
    more.length ? h("details", {}, h("summary", {}, `${more.length} more`), more) : null);
}

// Matches of each category and value, where the answer counts them.
export function recount(facets) {
  const counts = new Map(facets?.categories?.map((one) => [`categories:${one.name}`, one.count]) ?? []);
  for (const { name, values } of facets?.values ?? []) {
    for (const one of values) counts.set(`${name}:${one.value}`, one.count);
  }
  for (const shown of document.querySelectorAll("[data-count]")) {
    const { facet, count: name } = shown.dataset;
    const found = counts.get(`${facet}:${name}`) ?? 0;
    shown.textContent = count(found);
    shown.parentElement.classList.toggle("none", !found);
  }
}

// A copy of a table with another value under a name, or none.
function changed(given, name, value) {
  const copy = table();
  for (const [key, one] of Object.entries(given)) if (key !== name) copy[key] = one;
  if (value) copy[name] = value;
  return copy;
}

// Every filter that holds: what it says, and the state without it.
export function active(catalog, state) {
  const of = [];
  for (const name of state.category) {
    of.push([name, { category: state.category.filter((one) => one !== name) }]);
  }
  for (const [name, values] of Object.entries(state.attr)) {
    const attribute = attributeOf(catalog, name);
    for (const value of values) {
      const left = values.filter((one) => one !== value);
      of.push([attribute.type === "boolean" ? `${upper(labelOf(attribute))}: ${valueOf(attribute, value)}` : value,
        { attr: changed(state.attr, name, left.length ? left : null) }]);
    }
  }
  for (const [name, [low, high]] of Object.entries(state.range)) {
    const attribute = attributeOf(catalog, name);
    const [from, to] = [low, high].map((one) => (one === null ? null : valueOf(attribute, one)));
    const limits = from === null ? `up to ${to}` : to === null ? `from ${from}` : `${from} – ${to}`;
    of.push([`${upper(labelOf(attribute))} ${limits}`, { range: changed(state.range, name, null) }]);
  }
  if (state.near) of.push([`Within ${state.near.split(":").at(-1)} km`, { near: null }]);
  if (state.min_rating_count) of.push([`${state.min_rating_count} ratings or more`, { min_rating_count: 0 }]);
  return of;
}

export function chips(catalog, state, onDrop) {
  const on = active(catalog, state);
  const chip = ([label, change]) => h("li", {}, label, button({
    class: "plain", "aria-label": `Clear ${label}`, onclick: () => onDrop(change),
  }, "×"));
  return on.length ? [...on.map(chip),
    h("li", { class: "all" }, button({ class: "plain", onclick: () => onDrop(unfiltered()) }, "Clear all"))] : [];
}

// The order, by an attribute or tuned. Changes go to `onChange(settled)`: false while dragging.

import { h, number, own } from "./dom.js";
import { unweighed } from "./state.js";
import { attributeOf, called, labelOf, upper, words } from "./words.js";

const HIGHEST = 2;

export const profileOf = (catalog, state) => {
  const usual = state.taste ? (state.q ? catalog.steered_profile : catalog.recommend_profile)
    : state.like ? catalog.similar_profile : catalog.default_profile;
  const name = state.profile ?? usual;
  return own(catalog.profiles, name) ?? catalog.profiles[usual];
};

function slider({ id, label, value, min, max, step, digits, dot, onInput }) {
  const shown = h("output", { for: id }, number(value, digits));
  const input = h("input", { type: "range", id, min, max, step, value });
  const heard = (settled) => () => {
    shown.textContent = number(input.valueAsNumber, digits);
    onInput(input.valueAsNumber, settled);
  };
  input.addEventListener("input", heard(false));
  input.addEventListener("change", heard(true));
  return h("div", { class: "slider" },
    h("label", { for: id }, dot ? h("i", { class: `dot f-${dot}` }) : null, label), input, shown);
}

export function settings(catalog, state, onChange, id = "") {
  const profile = profileOf(catalog, state);
  const features = [...catalog.features, ...(state.like || state.taste ? catalog.taste_features : [])];
  const names = Object.keys(catalog.profiles);
  const select = h("select", {
    id: `${id}profile`,
    onchange: () => {
      Object.assign(state, unweighed(), { profile: select.value || null });
      onChange(true, true);
    },
  }, h("option", { value: "" }, "The usual"), names.map((name) => h("option", { value: name }, upper(words(name)))));
  select.value = names.includes(state.profile) ? state.profile : "";
  const weigh = (feature) => {
    const given = profile.weights[feature] ?? 0;
    const value = state.weights[feature] ?? given;
    return slider({
      id: `${id}w-${feature}`, label: upper(called(feature)), value, min: 0, dot: feature,
      max: Math.max(HIGHEST, value), step: 0.01, digits: 2,
      onInput: (weight, settled) => {
        if (weight === given) delete state.weights[feature];
        else state.weights[feature] = weight;
        onChange(settled);
      },
    });
  };
  const weighed = features.filter((one) => (state.weights[one] ?? profile.weights[one] ?? 0) > 0);
  const others = features.filter((one) => !weighed.includes(one));
  return [
    h("div", { class: "field" }, h("label", { for: `${id}profile` }, "Ranking"), select),
    h("fieldset", {}, h("legend", {}, "What counts, and how much"), weighed.map(weigh),
      others.length ? h("details", {}, h("summary", {}, "What else could count"), others.map(weigh)) : null,
      h("button", {
        type: "button",
        onclick: () => { Object.assign(state, unweighed(), { profile: state.profile, diversity: 0 }); onChange(true, true); },
      }, "Back to the usual")),
    slider({
      id: `${id}depth`, label: "How many are compared", value: state.n_candidates ?? profile.n_candidates,
      min: 10, max: 1000, step: 10, digits: 0,
      onInput: (depth, settled) => {
        state.n_candidates = depth === profile.n_candidates ? null : depth;
        onChange(settled);
      },
    }),
    slider({
      id: `${id}diversity`, label: "Variety", value: state.diversity, min: 0, max: 1, step: 0.05,
      digits: 2, onInput: (value, settled) => { state.diversity = value; onChange(settled); },
    }),
  ];
}

const WAYS = { time: ["oldest first", "newest first"], string: ["A to Z", "Z to A"], title: ["A to Z", "Z to A"] };
const UNSORTED = new Set(["score", "popularity", "distance"]); // the usual order, or of no use without a place

function offers(catalog) {
  return (catalog.sorts ?? []).filter((name) => !UNSORTED.has(name)).flatMap((name) => {
    const attribute = attributeOf(catalog, name);
    const ways = WAYS[name === "title" ? name : attribute.type] ?? ["lowest first", "highest first"];
    return ["asc", "desc"].map((way, place) => [`${name}:${way}`, `${upper(labelOf(attribute))}, ${ways[place]}`]);
  });
}

export function sortings(catalog, state, onSort) {
  const of = offers(catalog), given = state.sort.join(",");
  if (!of.length) return [];
  if (given && !of.some(([value]) => value === given)) of.push([given, given]);
  const select = h("select", { id: "order", onchange: () => onSort(select.value ? select.value.split(",") : []) },
    h("option", { value: "" }, "The usual order"), of.map(([value, text]) => h("option", { value }, text)));
  select.value = given;
  return [h("label", { for: "order", class: "hidden" }, "Sort by"), select];
}

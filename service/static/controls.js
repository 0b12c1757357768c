// Controls. Every change is told to `onChange(settled)`: false while something is dragged.

import { button, count, h, number, own, words } from "./dom.js";
import { unweighed } from "./state.js";

const HIGHEST = 2, MOST_TICKED = 60;

export const profileOf = (catalog, state) => {
  const usual = state.taste ? (state.q ? catalog.steered_profile : catalog.recommend_profile)
    : state.like ? catalog.similar_profile : catalog.default_profile;
  const name = state.profile ?? usual;
  return { usual, ...(own(catalog.profiles, name) ?? catalog.profiles[usual]) };
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
  const { usual, ...profile } = profileOf(catalog, state);
  const features = [...catalog.features, ...(state.like || state.taste ? catalog.taste_features : [])];
  const names = Object.keys(catalog.profiles);
  const select = h("select", {
    id: `${id}profile`,
    onchange: () => {
      Object.assign(state, unweighed(), { profile: select.value || null });
      onChange(true, true);
    },
  }, h("option", { value: "" }, `${usual} (usual)`), names.map((name) => h("option", { value: name }, name)));
  select.value = names.includes(state.profile) ? state.profile : "";
  const weigh = (feature) => {
    const given = profile.weights[feature] ?? 0;
    const value = state.weights[feature] ?? given;
    return slider({
      id: `${id}w-${feature}`, label: words(feature), value, min: 0, dot: feature,
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
    h("div", { class: "field" }, h("label", { for: `${id}profile` }, "Profile"), select),
    h("fieldset", {}, h("legend", {}, "Weights"), weighed.map(weigh),
      others.length ? h("details", {}, h("summary", {}, "More features"), others.map(weigh)) : null,
      h("button", {
        type: "button",
        onclick: () => { Object.assign(state, unweighed(), { profile: state.profile, diversity: 0 }); onChange(true, true); },
      }, "Back to the profile")),
    slider({
      id: `${id}depth`, label: "Candidates", value: state.n_candidates ?? profile.n_candidates,
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

export function filters(catalog, state, onChange) {
  const { categories, histograms, values } = catalog.facets;
  const parts = histograms.filter((one) => one.bins.length).map((one) => histogram(one, state, onChange));
  if (catalog.rating_scale) {
    const input = h("input", {
      type: "number", id: "min-ratings", min: 0, step: 1, value: state.min_rating_count,
      oninput: () => {
        state.min_rating_count = Math.max(0, Math.floor(input.valueAsNumber || 0));
        onChange(false);
      },
      onchange: () => onChange(true),
    });
    parts.push(h("div", { class: "field" }, h("label", { for: "min-ratings" }, "Ratings at least"), input));
  }
  if (categories?.length) {
    parts.push(boxes("Categories, any of", "categories", categories.map((one) => [one.name, one.count]), state.category,
      (chosen) => { state.category = chosen; onChange(true); }));
  }
  for (const one of values.filter(isTicked)) {
    parts.push(boxes(`${words(one.name)}, any of`, one.name, one.values.map((each) => [each.value, each.count]),
      state.attr[one.name] ?? [], (chosen) => {
        if (chosen.length) state.attr[one.name] = chosen;
        else delete state.attr[one.name];
        onChange(true);
      }));
  }
  return parts;
}

// Few enough values to choose among, and more than one.
const isTicked = (one) => one.values.length > 1 && one.values.length <= MOST_TICKED && !one.others;

// What an answer shall count: everything that can be ticked.
export const counted = ({ categories, values }) =>
  [...(categories?.length ? ["categories"] : []), ...values.filter(isTicked).map((one) => one.name)];

function boxes(legend, facet, entries, chosen, onTick) {
  const box = ([name, all]) => h("label", { class: "box" },
    h("input", {
      type: "checkbox", checked: chosen.includes(name), "data-category": name,
      onchange: (event) => {
        chosen = chosen.filter((one) => one !== name);
        if (event.target.checked) chosen.push(name);
        onTick(chosen);
      },
    }), ` ${name} `, h("span", { class: "n", "data-facet": facet, "data-count": name }, count(all)));
  const shown = entries.map(box);
  return h("fieldset", { class: "boxes" }, h("legend", {}, legend), shown.slice(0, 12),
    shown.length > 12 ? h("details", {}, h("summary", {}, `${shown.length - 12} more`), shown.slice(12)) : null);
}

// Matches of each category and value, where the answer counts them.
export function recount(facets) {
  const counts = new Map(facets?.categories?.map((one) => [`categories:${one.name}`, one.count]) ?? []);
  for (const { name, values } of facets?.values ?? []) {
    for (const one of values) counts.set(`${name}:${one.value}`, one.count);
  }
  for (const shown of document.querySelectorAll("[data-count]")) {
    const { facet, count: name } = shown.dataset;
    shown.textContent = count(counts.get(`${facet}:${name}`) ?? 0);
  }
}

// Bars to brush over; two numbers do the same without a pointer.
function histogram({ name, bins }, state, onChange) {
  const low = bins[0].low;
  const whole = bins.every((bin) => Number.isInteger(bin.low) && Number.isInteger(bin.high));
  const high = bins.at(-1).high - (whole ? 1 : 0);
  const most = Math.max(...bins.map((bin) => bin.count));
  const bars = bins.map((bin) => {
    const one = h("span", { title: `${bin.low} to ${whole ? bin.high - 1 : bin.high}: ${bin.count}` });
    one.style.height = `${(100 * bin.count) / most}%`;
    return one;
  });
  const area = h("div", { class: "histogram", "aria-hidden": "true", "data-histogram": name }, bars);
  const field = (which, label) => {
    const input = h("input", {
      type: "number", id: `${name}-${which}`, step: whole ? 1 : "any", min: low, max: high,
      oninput: () => set(from.valueAsNumber, to.valueAsNumber, false),
      onchange: () => onChange(true),
    });
    return [input, h("label", { for: input.id }, label)];
  };
  const [from, fromLabel] = field("from", "from");
  const [to, toLabel] = field("to", "to");
  const show = () => {
    const [begin, end] = state.range[name] ?? [null, null];
    from.value = begin ?? "";
    to.value = end ?? "";
    bars.forEach((bar, place) => bar.classList.toggle("out",
      (begin !== null && bins[place].high <= begin) || (end !== null && bins[place].low > end)));
  };
  const set = (begin, end, settled) => {
    if (begin > end) return; // not typed to its end yet
    const limits = [begin, end].map((one) => (Number.isFinite(one) ? one : null));
    if (limits.every((one) => one === null)) delete state.range[name];
    else state.range[name] = limits;
    if (document.activeElement !== from && document.activeElement !== to) show();
    onChange(settled);
  };
  const at = (event) => {
    const box = area.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const value = low * (1 - share) + bins.at(-1).high * share;
    return whole ? Math.min(high, Math.floor(value)) : value;
  };
  area.addEventListener("pointerdown", (event) => {
    const start = at(event);
    event.preventDefault();
    document.activeElement?.blur();
    area.setPointerCapture(event.pointerId);
    const brush = (one, settled) => set(Math.min(start, at(one)), Math.max(start, at(one)), settled);
    const move = (one) => brush(one, false);
    area.addEventListener("pointermove", move);
    area.addEventListener("pointerup", (one) => {
      area.removeEventListener("pointermove", move);
      brush(one, true);
    }, { once: true });
  });
  show();
  return h("fieldset", { class: "range" }, h("legend", {}, words(name)), area,
    h("div", { class: "ends" }, fromLabel, from, toLabel, to,
      button({ "aria-label": `Any ${words(name)}`, onclick: () => { set(NaN, NaN, true); show(); } }, "any")));
}

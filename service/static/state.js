// What is asked, as the page's address says it: the names are those of the API's parameters.

// A table of names of people's making: nothing is inherited.
export const table = () => Object.create(null);

export const unweighed = () => ({ profile: null, weights: table(), n_candidates: null });

export const empty = () => ({
  ...unweighed(), q: "", like: null, taste: false, k: null,
  min_score: null, diversity: 0, category: [], unread: [], range: table(), attr: table(),
  near: null, sort: [], min_rating_count: 0,
});

const RANGE = /^(.+):([^:]*):([^:]*)$/;
const DATE = /^\d{4}-\d{2}/;
const limit = (text) => finite(text) ?? (DATE.test(text) ? text : null);
const finite = (text) => (text !== null && text !== "" && isFinite(text) ? Number(text) : null);

export function read(search, prefix = "") {
  const given = new URLSearchParams(search);
  const get = (name) => given.get(prefix + name);
  const state = empty();
  state.q = given.get("q") ?? "";
  state.like = get("like");
  state.taste = get("taste") === "true";
  state.profile = get("profile");
  for (const name of ["k", "n_candidates", "min_score"]) state[name] = finite(get(name));
  state.diversity = finite(get("diversity")) ?? 0;
  state.min_rating_count = finite(get("min_rating_count")) ?? 0;
  state.near = get("near");
  for (const name of ["category", "unread", "sort"]) state[name] = given.getAll(prefix + name);
  for (const text of given.getAll(`${prefix}attr`)) {
    const [, name, value] = /^([^:]+):([^]*)$/.exec(text) ?? [];
    if (name) (state.attr[name] ??= []).push(value);
  }
  for (const text of given.getAll(`${prefix}range`)) {
    const [, name, low, high] = RANGE.exec(text) ?? [];
    if (name) state.range[name] = [limit(low), limit(high)];
  }
  for (const [name, value] of given) {
    const weight = finite(value);
    if (name.startsWith(`${prefix}w_`) && weight !== null) {
      state.weights[name.slice(prefix.length + 2)] = weight;
    }
  }
  return state;
}

// The address; with `options` only what a list of results takes, for a GET request.
export function write(state, { prefix = "", options = false } = {}) {
  const given = new URLSearchParams();
  const put = (name, value) => { if (value) given.append(prefix + name, value); };
  if (!options) {
    if (state.q && !prefix) given.append("q", state.q);
    put("like", state.like);
    put("taste", state.taste && "true");
    for (const said of state.unread) put("unread", said);
  }
  put("profile", state.profile);
  for (const [name, weight] of Object.entries(state.weights)) {
    given.append(`${prefix}w_${name}`, weight);
  }
  for (const name of ["k", "n_candidates", "min_score"]) {
    if (state[name] !== null) given.append(prefix + name, state[name]);
  }
  put("diversity", state.diversity);
  for (const name of state.category) put("category", name);
  for (const [name, values] of Object.entries(state.attr)) {
    for (const value of values) put("attr", `${name}:${value}`);
  }
  for (const [name, [low, high]] of Object.entries(state.range)) {
    put("range", `${name}:${low ?? ""}:${high ?? ""}`);
  }
  put("near", state.near);
  put("min_rating_count", state.min_rating_count);
  for (const one of state.sort) put("sort", one);
  return given;
}

// The body of a POST request.
export function body(state) {
  const [lat, lon, km] = state.near?.split(":").slice(-3).map(Number) ?? []; // "52.5:13.4:10"
  const ranges = Object.entries(state.range).map(([name, [min, max]]) => [name, { min, max }]);
  return {
    profile: state.profile, weights: state.weights, k: state.k, n_candidates: state.n_candidates,
    min_score: state.min_score, diversity: state.diversity,
    sort: state.sort,
    filters: {
      categories: { any: state.category }, attributes: { any: state.attr }, ranges: Object.fromEntries(ranges),
      min_rating_count: state.min_rating_count || null, near: state.near && { lat, lon, km },
    },
  };
}

// What things are called: titles, features and attributes in words that people know.

import { h } from "./dom.js";

// Articles of many languages; the server says which, so that both write titles alike.
const ARTICLES = new Set((document.body.dataset.articles ?? "").split(" "));

// "Wild Robot, The (2024)" as people write it: The Wild Robot (2024).
export const written = (title) => title.replace(
  /(^|\()([^()]*), (\p{Lu}\p{L}*'?)(?=\)|\s*(?:\(|$))/gu,
  (all, begin, rest, article) => (ARTICLES.has(article.toLowerCase())
    ? `${begin}${article}${article.endsWith("'") ? "" : " "}${rest}` : all));

export const FEATURES = {
  similarity: "meaning", text_similarity: "meaning of your text", words: "your words",
  coverage: "how many of your words", labels: "categories and tags",
  title_match: "title", title_prefix: "start of the title",
  collaborative: "your likes", co_liked: "liked by the same people",
  popularity: "rating", expected_popularity: "expected rating", rating_volume: "how many rated it",
  rating_percentile: "rated more than others", recency: "how new it is",
};
export const words = (name) => name.replaceAll("_", " ");
export const called = (feature) => FEATURES[feature] ?? words(feature);
export const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export const labelOf = (attribute) => attribute.label ?? words(attribute.name);
export const attributeOf = (catalog, name) =>
  (catalog?.attributes ?? []).find((one) => one.name === name) ?? { name };

export const numeral = (value, { unit, decimals } = {}) => value.toLocaleString("en", {
  useGrouping: Boolean(unit),
  ...(decimals === null || decimals === undefined ? {} : { minimumFractionDigits: decimals, maximumFractionDigits: decimals }),
});

const SHOWN_AS = {
  boolean: (value) => (String(value) === "true" ? "yes" : "no"),
  time: (value) => value.slice(0, 10),
  point: () => null, // coordinates tell people nothing
};

// A value alone, as a table shows it beside its label.
export function valueOf(attribute, value) {
  if (value === null || value === undefined) return null;
  if (SHOWN_AS[attribute.type]) return SHOWN_AS[attribute.type](value);
  if (Array.isArray(value)) return value.length ? value.join(", ") : null;
  if (typeof value !== "number") return String(value);
  return [numeral(value, attribute), attribute.unit].filter(Boolean).join(" ");
}

// A value that stands among others: a number without a unit needs to be told what it counts.
function told(attribute, value) {
  const shown = valueOf(attribute, value);
  if (shown === null) return null;
  if (attribute.type === "boolean") return shown === "yes" ? labelOf(attribute) : `not ${labelOf(attribute)}`;
  const speaks = typeof value === "string" && attribute.type !== "time";
  return speaks || Array.isArray(value) || attribute.unit ? shown : `${labelOf(attribute)} ${shown}`;
}

// What is known of an item in one line, without what its titles say already.
export function meta(catalog, item) {
  const attributes = Object.entries(item.attributes)
    .filter(([, value]) => !item.title.includes(`(${value})`) && item.display.subtitle !== value)
    .map(([name, value]) => told(attributeOf(catalog, name), value));
  return [...attributes, ...item.categories].filter(Boolean).join(" · ");
}

const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const stem = (word) => { const plain = folded(word); return plain.length > 4 ? plain.replace(/(ies|es|s|ing|ed|y|e)$/, "") : plain; };

// The text with those of its words marked that are, but for their endings, among the given.
export function marked(text, wanted) {
  const stems = new Set(wanted.map(stem));
  return text.split(/([\p{L}\p{N}]+)/u).map((part, place) =>
    (place % 2 && stems.has(stem(part)) ? h("mark", {}, part) : part));
}

// Small tools for building the page. Text is always put in as text, never as markup.

export const $ = (selector) => document.querySelector(selector);

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const button = (attributes, ...children) => h("button", { type: "button", ...attributes }, ...children);

// Lets the newest of many calls through, once a frame.
export function eachFrame(action) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; action(); });
  };
}

export function later(action, delayMs) {
  let timer = 0;
  const call = (...values) => { clearTimeout(timer); timer = setTimeout(action, delayMs, ...values); };
  call.cancel = () => clearTimeout(timer);
  return call;
}

// What a table has of its own under a name: names of people's making may be "constructor".
export const own = (table, name) => (Object.hasOwn(table, name) ? table[name] : null);

export const isWide = () => matchMedia("(min-width: 48.01rem)").matches;
export const number = (value, digits = 3) => value.toFixed(digits);
export const count = (value) => value.toLocaleString("en");

// Moves elements from where they stood to where they stand now.
export function moved(list, change) {
  const before = new Map([...list.children].map((one) => [one.dataset.id, one.offsetTop]));
  change();
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const one of list.children) {
    const by = before.get(one.dataset.id) - one.offsetTop; // NaN for one that is new
    if (by) one.animate([{ translate: `0 ${by}px` }, { translate: "0" }], 180);
  }
}

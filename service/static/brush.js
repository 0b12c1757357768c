// A histogram to brush over; two fields do the same without a pointer.

import { button, h } from "./dom.js";
import { labelOf, upper } from "./words.js";

const DAY_MS = 86_400_000;

// How a kind of value is counted, written and typed.
const dates = (bins) => ({
  type: "date", step: 1, low: bins[0].low.slice(0, 10), high: bins.at(-1).high.slice(0, 10),
  count: Date.parse, write: (ms) => new Date(Math.floor(ms / DAY_MS) * DAY_MS).toISOString().slice(0, 10),
  read: (input) => input.value || null,
});

function numbers(bins) {
  const whole = bins.every((bin) => Number.isInteger(bin.low) && Number.isInteger(bin.high));
  const high = bins.at(-1).high - (whole ? 1 : 0);
  return {
    type: "number", step: whole ? 1 : "any", low: bins[0].low, high, count: Number,
    write: (value) => (whole ? Math.min(high, Math.floor(value)) : Math.round(value * 100) / 100),
    read: (input) => (Number.isFinite(input.valueAsNumber) ? input.valueAsNumber : null),
  };
}

export function brush(attribute, bins, isTime, state, onChange) {
  const { name } = attribute, label = labelOf(attribute);
  const { type, step, low, high, count, write, read } = (isTime ? dates : numbers)(bins);
  const most = Math.max(...bins.map((bin) => bin.count));
  const bars = bins.map((bin) => {
    const one = h("span", { title: `${bin.low} – ${bin.high}: ${bin.count}` });
    one.style.height = `${(100 * bin.count) / most}%`;
    return one;
  });
  const area = h("div", { class: "histogram", "aria-hidden": "true", "data-histogram": name }, bars);
  const field = (which, text) => {
    const input = h("input", {
      type, id: `${name}-${which}`, step, min: low, max: high,
      oninput: () => set([read(from), read(to)], false), onchange: () => onChange(true),
    });
    return [input, h("label", { for: input.id }, text)];
  };
  const [from, fromLabel] = field("from", "from");
  const [to, toLabel] = field("to", "to");
  const show = () => {
    const [begin, end] = state.range[name] ?? [null, null];
    from.value = begin ?? "";
    to.value = end ?? "";
    bars.forEach((bar, place) => bar.classList.toggle("out",
      (begin !== null && count(bins[place].high) <= count(begin)) || (end !== null && count(bins[place].low) > count(end))));
  };
  const set = (limits, settled) => {
    const [begin, end] = limits;
    if (begin !== null && end !== null && count(begin) > count(end)) return; // not typed to its end yet
    if (limits.every((one) => one === null)) delete state.range[name];
    else state.range[name] = limits;
    if (document.activeElement !== from && document.activeElement !== to) show();
    onChange(settled);
  };
  // Bins may differ in width: a place is one within its bar.
  const at = (event) => {
    const box = area.getBoundingClientRect();
    const place = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * bins.length;
    const bin = bins[Math.min(bins.length - 1, Math.floor(place))];
    const share = place - bins.indexOf(bin);
    return count(bin.low) * (1 - share) + count(bin.high) * share;
  };
  area.addEventListener("pointerdown", (event) => {
    const start = at(event);
    event.preventDefault();
    document.activeElement?.blur();
    area.setPointerCapture(event.pointerId);
    const drag = (one, settled) => set([Math.min(start, at(one)), Math.max(start, at(one))].map(write), settled);
    const move = (one) => drag(one, false);
    area.addEventListener("pointermove", move);
    area.addEventListener("pointerup", (one) => {
      area.removeEventListener("pointermove", move);
      drag(one, true);
    }, { once: true });
  });
  show();
  return h("fieldset", { class: "range" },
    h("legend", {}, upper(label), attribute.unit ? ` (${attribute.unit})` : null), area,
    h("div", { class: "ends" }, fromLabel, from, toLabel, to,
      button({ "aria-label": `Any ${label}`, onclick: () => { set([null, null], true); show(); } }, "any")));
}

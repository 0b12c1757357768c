// What is offered while one types.

import { ask } from "./api.js";
import { $, h, later } from "./dom.js";
import { written } from "./words.js";

export function suggestions({ onPick }) {
  const input = $("#q"), list = $("#suggestions");
  let asked = 0, chosen = -1, found = [];

  const close = () => {
    asked += 1;
    fetchThem.cancel();
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const pick = (one) => { close(); onPick(one); };
  const choose = (place) => {
    chosen = (place + found.length) % found.length;
    [...list.children].forEach((one, at) => one.setAttribute("aria-selected", String(at === chosen)));
    input.setAttribute("aria-activedescendant", `s-${chosen}`);
  };
  const fetchThem = later(async () => {
    const text = input.value.trim();
    if (!text || document.activeElement !== input) return close();
    const mine = ++asked;
    try {
      const answer = await ask(`/v1/suggest?${new URLSearchParams({ q: text, k: "6" })}`);
      if (mine !== asked) return;
      found = answer.suggestions;
    } catch {
      found = []; // a bundle without titles, or no service: the search itself says what is wrong
    }
    if (!found.length) return close();
    list.replaceChildren(...found.map((one, place) => h("li", {
      role: "option", id: `s-${place}`, "aria-selected": "false",
      onpointerdown: (event) => { event.preventDefault(); pick(one); },
    }, written(one.title), one.count ? ` (${one.kind})` : "")));
    chosen = -1;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }, 90);

  input.addEventListener("input", fetchThem);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      event.stopPropagation();
      if (event.key === "ArrowDown") choose(chosen + 1);
      else choose(chosen < 0 ? found.length - 1 : chosen - 1);
    } else if (event.key === "Escape") {
      event.preventDefault();
      close();
    } else if (event.key === "Enter" && chosen >= 0) {
      event.preventDefault();
      pick(found[chosen]);
    }
  });
  return { close };
}

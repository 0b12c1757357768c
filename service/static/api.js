// Requests. Ids of items are strings here: a number above 2^53 would not survive JavaScript.

import { $, h } from "./dom.js";
import { visit } from "./visit.js";

const KEY = "shortlist-key";

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || `The service answered ${status}.`);
    this.status = status;
    this.kind = (body.type || "").split(":").pop();
  }
}

// A quote within a text is escaped in JSON, so this matches names of fields only.
export const parsed = (text) => JSON.parse(text.replace(/"item_id":(-?\d+)/g, '"item_id":"$1"'));

// These headers and those that every request below /v1 has.
export function headers(more = {}) {
  const key = sessionStorage.getItem(KEY);
  return { ...more, ...(key && { "X-API-Key": key }), ...(visit && { "X-Session-ID": visit }) };
}

export async function ask(path, { body, signal } = {}) {
  const key = sessionStorage.getItem(KEY);
  let response, text;
  try {
    response = await fetch(path, {
      method: body ? "POST" : "GET", headers: headers(body && { "Content-Type": "application/json" }),
      body: body && JSON.stringify(body), signal,
    });
    text = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "The service cannot be reached." });
  }
  let value = {};
  try { value = parsed(text); } catch { /* not JSON: a proxy's page */ }
  if (response.status === 401) {
    // It may have been given while this request was under way.
    if (sessionStorage.getItem(KEY) === key) await askForKey(Boolean(key));
    return ask(path, { body, signal });
  }
  if (!response.ok) throw new Problem(response.status, value);
  return value;
}

let asking = null;

// One dialog, however many requests wait for it.
function askForKey(wrong) {
  asking ??= new Promise((resolve) => {
    const input = h("input", {
      type: "password", id: "key", autocomplete: "off", required: true,
      "aria-describedby": wrong ? "wrong" : null,
    });
    const dialog = h("dialog", { "aria-labelledby": "key-title" },
      h("form", { method: "dialog" },
        h("h2", { id: "key-title" }, "This service asks for a key"),
        wrong ? h("p", { id: "wrong", class: "problem" }, "That key is not the right one.") : null,
        h("label", { for: "key" }, "API key"), input,
        h("p", { class: "note" }, "It is kept until this tab is closed."),
        h("button", {}, "Use this key")));
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => {
      sessionStorage.setItem(KEY, input.value);
      dialog.remove();
      asking = null;
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}

export function focusSearch(event) {
  const typing = event.target.closest?.("input, select, textarea, dialog");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  $("#q").focus();
  $("#q").select();
}

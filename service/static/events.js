// What is seen, opened and judged on this page, told to the service where it keeps that.

import { headers } from "./api.js";
import { random, visit } from "./visit.js";

const SEEN_MS = 500, SOON_MS = 2000, MOST = 200, TOGETHER = 100;

const told = new Set(), results = new WeakMap(), timers = new WeakMap();
let waiting = [], timer = 0;

// Each result of an answer, knowing which one it stands in.
export function ofAnswer({ results: all, query_id }) {
  for (const one of all) one.query_id = query_id;
}

function send() {
  clearTimeout(timer);
  const events = waiting.splice(0, TOGETHER);
  timer = waiting.length ? setTimeout(send, SOON_MS) : 0;
  if (!events.length) return;
  // What was not taken is sent again with what comes next: it is known by its ids.
  const again = () => { waiting = [...events, ...waiting].slice(-MOST); };
  fetch("/v1/events", {
    method: "POST", keepalive: true, headers: headers({ "Content-Type": "application/json" }),
    body: JSON.stringify({ events }),
  }).then((response) => { if (response.status === 503) again(); }, again);
}

// Something that was done with an item, which stood in an answer if it has a rank.
export function did(type, { item_id, query_id, rank }) {
  if (!visit) return;
  waiting.push({ event_id: random(), type, item_id, session_id: visit, query_id, rank });
  timer ||= setTimeout(send, SOON_MS);
}

function seen(element) {
  watcher.unobserve(element);
  const result = results.get(element), key = `${result.query_id} ${result.item_id}`;
  if (!told.has(key)) did("impression", result);
  told.add(key);
}

// Half of a card for half a second: that was seen.
const watcher = visit && new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    clearTimeout(timers.get(target));
    if (isIntersecting) timers.set(target, setTimeout(seen, SEEN_MS, target));
  }
}, { threshold: 0.5 });

// A card, of which it is told when it is seen, and when something of it is opened.
export function followed(element, result) {
  if (!visit || !result.query_id) return element;
  results.set(element, result);
  watcher.observe(element);
  const opened = (event) => { if (event.target.closest("a")) did("click", result); };
  element.addEventListener("click", opened);
  element.addEventListener("auxclick", (event) => { if (event.button === 1) opened(event); });
  return element;
}

if (visit) {
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") send(); });
  addEventListener("pagehide", send);
}

// The search page: state in the address, results as one types or drags.

import { Problem, ask, focusSearch } from "./api.js";
import { card, judged, pageOf, pressed } from "./cards.js";
import { settings, sortings } from "./controls.js";
import { $, button, count, eachFrame, h, isWide, later, moved, own } from "./dom.js";
import { ofAnswer } from "./events.js";
import { active, chips, counted, filters, recount, unfiltered } from "./filters.js";
import { atEnd, headed, matches, reasonOf } from "./notes.js";
import { ids, kept, shelfView, toggle } from "./shelf.js";
import { body, read, unweighed, write } from "./state.js";
import { watch } from "./status.js";
import { suggestions } from "./suggest.js";
import { written } from "./words.js";

const TYPING_MS = 1500;

const input = $("#q"), list = $("#results"), notice = $("#notice"), more = $("#more");
let state = read(location.search);
let catalog = null, running = null, next = null, shown = [], typed = 0, isNew = false;

function question(cursor) {
  const asked = { explain: true, highlights: true, ...(cursor ? { cursor } : {}) };
  const facets = counted(catalog.facets);
  const get = (path, from) => {
    const given = write(from, { options: true });
    for (const [name, value] of Object.entries(asked)) given.set(name, value);
    for (const one of facets) given.append("facet", one);
    return [`${path}?${given}`, null];
  };
  const post = (path, more) =>
    [path, { ...body(state), ...asked, facets, ...more }];
  if (state.taste) {
    return post("/v1/recommend", { liked: ids(true), disliked: ids(false), text: state.q.trim() });
  }
  if (state.like) return get(`/v1/items/${encodeURIComponent(state.like)}/similar`, state);
  if (state.q.trim()) return post("/v1/search", { q: state.q, reads: "apply", unread: state.unread });
  return get("/v1/popular", { ...state, ...unweighed() });
}

async function run(cursor = null) {
  if (!catalog) return;
  running?.abort();
  const mine = (running = new AbortController());
  if (!cursor) more.hidden = true;
  const slow = setTimeout(() => list.setAttribute("aria-busy", "true"), 120);
  try {
    const [path, content] = question(cursor);
    const answer = await ask(path, { body: content, signal: mine.signal });
    if (mine === running) present(answer, { adds: Boolean(cursor) });
  } catch (error) {
    if (mine !== running || error.name === "AbortError") return;
    if (cursor && error.status) run(); // the list has changed since: it begins anew
    else fail(error);
  } finally {
    clearTimeout(slow);
    if (mine === running) list.removeAttribute("aria-busy");
  }
}

const soon = eachFrame(() => run());

function present(answer, { adds = false } = {}) {
  ofAnswer(answer);
  notice.className = "";
  shown = adds ? [...shown, ...answer.results] : answer.results;
  next = answer.next;
  const about = {
    catalog, shelf: kept(), onLike, onMore,
    whole: Math.max(1, ...shown.map((one) => one.score)),
    wanted: answer.results.flatMap((one) => (one.highlights ?? []).flatMap((each) => each.words)),
    asked: { text: state.q.trim(), item: state.like && titleOf(state.like), likes: kept().filter((one) => one.liked).map((one) => one.title) },
  };
  const make = (result) => card(result, about);
  $("#read").replaceChildren(...answer.read.map(chip));
  moved(list, () => {
    if (adds) list.append(...answer.results.map(make));
    else list.replaceChildren(...shown.map(make));
  });
  list.firstElementChild?.setAttribute("tabindex", "0");
  more.hidden = !next;
  $("#heading").textContent = heading(answer);
  recount(answer.facets);
  summarise(answer);
  end(answer);
  if (isNew) reveal();
  isNew = false;
}

// A new list is looked at from its beginning.
function reveal() {
  const first = list.firstElementChild?.getBoundingClientRect();
  if (first && (first.top < 0 || first.top > innerHeight)) $("#heading").scrollIntoView();
}

function end(answer) {
  const [text, label, change] = shown.length && !next ? atEnd(answer, shown.length, state, active(catalog, state)) : [];
  $("#end").replaceChildren(...(text ? [text, " "] : []), ...(label ? [button({ onclick: () => go(change) }, label)] : []));
}

const chip = ({ label, words }) => h("li", {}, label, button({
  class: "plain", "aria-label": `Do not filter by ${words}`,
  onclick: () => go({ unread: [...state.unread, words] }),
}, "×"));

const heading = (answer) => headed(answer, state, catalog, state.like && titleOf(state.like));

const titles = new Map();
const titleOf = (id) => written(titles.get(id) ?? kept().find((one) => one.id === id)?.title ?? `item ${id}`);

function summarise(answer) {
  if (!answer.results.length && !shown.length) {
    say("Nothing passes these filters.", "problem");
    notice.append(" ", button({ onclick: () => go(unfiltered()) }, "Clear the filters"));
    return;
  }
  const parts = [matches(answer, shown.length)];
  if (answer.collaboration?.used === false) parts.push(reasonOf(answer.collaboration.reason));
  if (answer.ignored?.length) parts.push(`${answer.ignored.length} on your shelf are not in this catalogue`);
  say(`${parts.join("; ")}.`);
  $("#took").textContent = `${count(answer.considered)} items were compared closely, in ${answer.took_ms.toFixed(1)} ms.`;
  if (answer.no_good_match && !state.taste && !state.like) {
    say("Nothing here seems to be about this. These come nearest:", "problem");
  }
}

function say(text, kind = "") {
  notice.className = kind;
  notice.replaceChildren(text);
}

function fail(error) {
  if (!(error instanceof Problem)) throw error;
  list.replaceChildren();
  more.hidden = true;
  const known = { not_ready: "No index is live yet. Build one with “make index”; this page will notice." };
  say(known[error.kind] ?? error.message, "problem");
  if (error.status === 0 || error.status >= 500) {
    notice.append(" ", button({ onclick: () => begin() }, "Try again"));
  }
}

function controls() {
  const changed = (settled, redraw = false) => {
    if (settled) address(true);
    if (redraw) controls();
    soon();
  };
  $("#settings").replaceChildren(...settings(catalog, state, changed));
  $("#filters").replaceChildren(...filters(catalog, state, (settled) => { changed(settled); chosen(); }));
  $("#sort").replaceChildren(...sortings(catalog, state, (sort) => go({ sort })));
  chosen();
  const listed = !state.taste && !state.like && !state.q.trim();
  $("#ranking").hidden = listed;
  if ($("#controls").hidden) {
    $("#controls details").open = isWide();
    $("#controls").hidden = false;
  }
  shelf();
}

const chosen = () => $("#active").replaceChildren(...chips(catalog, state, go));

function shelf() {
  $("#shelf").replaceChildren(...shelfView({
    active: state.taste,
    onChange: reshelved,
    onUse: () => go({ taste: true, like: null }),
    onLeave: leaveTaste,
  }));
}

// The shelf is changed: that is all, but where the list is made of it.
function reshelved() {
  shelf();
  pressed(kept());
  if (!kept().length && state.taste) return leaveTaste();
  return state.taste ? run() : null;
}

// A new entry in the history, or the present one changed.
function address(push) {
  const given = String(write(state));
  if (given !== String(new URLSearchParams(location.search))) {
    history[push ? "pushState" : "replaceState"](null, "", given ? `?${given}` : location.pathname);
  }
  $("#compare").href = `/compare?${new URLSearchParams({ q: state.q })}`;
  document.title = `${state.q ? `${state.q} – ` : ""}Shortlist`;
}

// Weights belong to a kind of list: they go when the kind changes.
function go(change) {
  const kind = (one) => `${one.taste} ${one.like !== null}`;
  const before = kind(state);
  isNew = true;
  state = { ...state, ...change };
  if (kind(state) !== before) Object.assign(state, unweighed());
  input.value = state.q;
  address(true);
  controls();
  return run();
}

const leaveTaste = () => go({ taste: false });

function toTop() {
  scrollTo(0, 0);
  $("#heading").focus({ preventScroll: true });
}

function onMore(result) {
  titles.set(result.item_id, result.title);
  go({ like: result.item_id, taste: false, q: "" }).then(toTop);
}

function onLike(result, liked) {
  const place = shown.indexOf(result);
  judged(result, liked, toggle(result.item_id, result.title, liked));
  const rerun = reshelved();
  if (rerun) rerun.then(() => list.children[Math.min(place, list.children.length - 1)]?.focus());
}

const settle = later(() => { typed = 0; }, TYPING_MS);

input.addEventListener("input", () => {
  const listed = !state.q.trim();
  state.q = input.value;
  state.unread = [];
  isNew = true;
  if (state.like) Object.assign(state, { like: null }, unweighed());
  address(!typed);
  typed = 1;
  settle();
  if (listed !== !state.q.trim() && catalog) controls();
  soon();
});

$("#search").addEventListener("submit", (event) => {
  event.preventDefault();
  offered.close();
  address(true);
  typed = 0;
  isNew = true;
  run();
});

const offered = suggestions({
  onPick: ({ item_id: id, title }) => { if (id === null) go({ q: title, like: null }); else location.assign(pageOf(id)); },
});

addEventListener("popstate", () => {
  state = repaired(read(location.search));
  typed = 0;
  input.value = state.q;
  if (catalog) controls();
  run();
});

more.addEventListener("click", async () => {
  const before = list.children.length;
  await run(next);
  list.children[before]?.focus();
});

document.addEventListener("keydown", (event) => {
  focusSearch(event);
  const down = event.key === "ArrowDown";
  if ((!down && event.key !== "ArrowUp") || event.target.closest("aside, dialog, select")) return;
  const here = event.target.closest(".card");
  if (!here && (!down || event.target !== input)) return;
  const to = here ? (down ? here.nextElementSibling : here.previousElementSibling) : list.firstElementChild;
  event.preventDefault();
  if (to) to.focus();
  else if (!down) input.focus();
});

list.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches(".card")) event.target.querySelector(".actions button")?.click();
});

list.addEventListener("focusin", (event) => {
  for (const one of list.children) one.setAttribute("tabindex", one.contains(event.target) ? "0" : "-1");
});

// A taste needs a shelf, and a profile has to be there.
function repaired(given) {
  if (given.taste && !kept().length) Object.assign(given, { taste: false }, unweighed());
  if (given.profile && catalog && !own(catalog.profiles, given.profile)) given.profile = null;
  return given;
}

async function begin() {
  try {
    catalog = await ask("/v1/catalog");
  } catch (error) {
    if (error.name !== "AbortError") fail(error);
    return;
  }
  state = repaired(state);
  const id = state.like;
  if (id) {
    ask(`/v1/items/${encodeURIComponent(id)}`).then((item) => {
      titles.set(id, item.title);
      if (state.like === id) $("#heading").textContent = `More like ${titleOf(id)}`;
    }).catch(() => {}); // the list itself says that there is no such item
  }
  address(false);
  controls();
  await run();
}

watch({
  onSwap: async (version) => {
    await begin();
    $("#swap").textContent = `Version ${version} is live now; these results come from it.`;
  },
  onReturn: begin,
});
begin();

// The corner that says what is live: it notices a swap, and a service gone.

import { $, count } from "./dom.js";

const EACH_MS = 2000;

const aged = (seconds) =>
  seconds < 5400 ? `${Math.round(seconds / 60)} min`
    : seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;

export function watch({ onSwap, onReturn }) {
  const corner = $("#status");
  let version = corner.dataset.version || null, gone = false;

  const say = (text, kind) => { corner.textContent = text; corner.dataset.state = kind; };
  async function look() {
    let body = null;
    try {
      const response = await fetch("/readyz", { cache: "no-store" });
      body = response.ok ? await response.json() : { status: "not ready" };
    } catch { /* told below */ }
    if (body?.status !== "ready") {
      gone = true;
      return say(body ? "No index is live yet" : "The service cannot be reached; trying again", "gone");
    }
    const was = version, back = gone;
    version = body.version;
    gone = false;
    const more = body.degraded ? "; not all is well" : "";
    say(`${count(body.items)} items · ${aged(body.age_s)} old · version ${body.version}${more}`, "ready");
    if (was && was !== version) onSwap(version);
    else if (back) onReturn();
  }
  const timer = async () => {
    if (document.visibilityState === "visible") await look();
    setTimeout(timer, EACH_MS);
  };
  timer();
}

// The visit that events belong to: a random id of this tab, forgotten with it. There is none where
// the service keeps no events, or the visitor's browser says that nothing may be kept.

const VISIT = "shortlist-visit";

const isKept = "events" in document.body.dataset && !navigator.globalPrivacyControl;

// Random digits. crypto.randomUUID is not there on a page without https.
export const random = () => [...crypto.getRandomValues(new Uint32Array(4))].map((one) => one.toString(36)).join("");

function begun() {
  const visit = sessionStorage.getItem(VISIT) ?? random();
  sessionStorage.setItem(VISIT, visit);
  return visit;
}

export const visit = isKept ? begun() : null;

// Examples of the API: they run against this service, and can be taken along.

import { Problem, ask } from "./api.js";

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl(form) {
  const body = form.elements.body?.value;
  const { method, writes } = form.dataset;
  return ["curl", writes != null && `-X ${method} -H "X-API-Key: $SHORTLIST_WRITE_KEY"`,
    body && `-H 'Content-Type: application/json' -d ${quoted(body)}`,
    quoted(new URL(form.elements.path.value, location.href).href)].filter(Boolean).join(" ");
}

async function answered(form) {
  const body = form.elements.body && JSON.parse(form.elements.body.value);
  return JSON.stringify(await ask(form.elements.path.value, { body }), null, 2);
}

for (const form of document.querySelectorAll("form[data-method]")) {
  const shown = form.querySelector("pre"), told = form.querySelector("[role=status]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if ("writes" in form.dataset) return;
    told.textContent = "";
    shown.hidden = true;
    try {
      shown.textContent = await answered(form);
      shown.hidden = false;
      told.textContent = "200 OK";
    } catch (error) {
      told.textContent = error instanceof Problem ? `${error.status}: ${error.message}` : `Not JSON: ${error.message}`;
    }
  });
  form.querySelector("[type=button]").addEventListener("click", async () => {
    await navigator.clipboard.writeText(curl(form));
    told.textContent = "Copied";
  });
}

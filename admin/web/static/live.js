// Live refresh, the only thing here that needs JavaScript: parts marked data-live are fetched again and replaced,
// unless somebody is typing in one, has typed something, or has opened something in it. "/" leads to the search.
"use strict";
(() => {
  const seconds = 5;
  const begun = (field) => field.type !== "hidden" && field.defaultValue !== undefined && field.value !== field.defaultValue;
  const busy = (part) =>
    part.contains(document.activeElement) || part.querySelector("details[open], input:checked") ||
    [...part.querySelectorAll("input, textarea")].some(begun);
  const refresh = async () => {
    const parts = [...document.querySelectorAll("[data-live]")].filter((part) => !busy(part));
    if (document.hidden || parts.length === 0) return;
    const answer = await fetch(location.href, { headers: { "X-Live": "1" }, credentials: "same-origin", redirect: "error" });
    if (answer.status === 401) return location.reload();
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts) {
      const other = fresh.getElementById(part.id);
      if (other && !busy(part) && part.innerHTML !== other.innerHTML) part.replaceChildren(...other.childNodes);
    }
  };
  if (document.querySelector("[data-live]")) {
    setInterval(() => refresh().catch(() => document.body.classList.add("stale")), seconds * 1000);
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, textarea, select")) return;
    document.getElementById("q")?.focus();
    event.preventDefault();
  });
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-all]")) return;
    for (const box of document.querySelectorAll("input[name=letter], input[name=edit]")) box.checked = event.target.checked;
  });
})();

// Keeps the status page up to date without reloading it. Without this file the page reloads itself.
(() => {
  "use strict";
  const region = document.getElementById("status");
  if (!region || !region.hasAttribute("data-pending")) return;

  const FIRST_WAIT = 700; // milliseconds
  const LONGEST_WAIT = 8000;
  let wait = FIRST_WAIT;

  // The server renders the words in the reader's language: take the region from a fresh copy.
  async function refresh() {
    const response = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!response.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const next = fresh.getElementById("status");
    if (!next) return;
    region.replaceChildren(...next.childNodes);
    region.toggleAttribute("data-pending", next.hasAttribute("data-pending"));
    document.title = fresh.title;
  }

  async function hasChanged(item) {
    const response = await fetch(item.dataset.statusUrl, { headers: { Accept: "application/json" } });
    return response.ok && (await response.json()).status !== item.dataset.status;
  }

  async function check() {
    try {
      const items = [...region.querySelectorAll("[data-status-url]")];
      const changes = await Promise.all(items.map(hasChanged));
      if (changes.includes(true)) {
        wait = FIRST_WAIT;
        await refresh();
      }
    } catch (error) {
      // Offline, or the server is restarting: try again later.
      console.info("status:", error.message);
    }
    wait = Math.min(wait * 1.3, LONGEST_WAIT);
    if (region.hasAttribute("data-pending")) setTimeout(check, wait);
  }

  setTimeout(check, wait);
})();

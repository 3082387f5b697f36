// Keeps the status page up to date without reloading it. Without this file the page reloads itself.
(() => {
  "use strict";
  const region = document.getElementById("status");
  if (!region || !region.hasAttribute("data-pending")) return;

  const FIRST_WAIT = 700; // milliseconds
  const LONGEST_WAIT = 8000;
  let wait = FIRST_WAIT;

  // The page knows the words in the reader's language: take the region from a fresh copy of it.
  async function refresh() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = fresh.getElementById("status");
    if (!next) return;
    region.replaceChildren(...next.childNodes);
    region.toggleAttribute("data-pending", next.hasAttribute("data-pending"));
    document.title = fresh.title;
  }

  async function hasChanged(item) {
    const answer = await fetch(item.dataset.statusUrl, { headers: { Accept: "application/json" } });
    return answer.ok && (await answer.json()).status !== item.dataset.status;
  }

  async function look() {
    try {
      const items = [...region.querySelectorAll("[data-status-url]")];
      const changes = await Promise.all(items.map(hasChanged));
      if (changes.includes(true)) {
        wait = FIRST_WAIT;
        await refresh();
      }
    } catch (error) {
      // Offline, or the server is restarting: the next look will tell.
      console.info("status:", error.message);
    }
    wait = Math.min(wait * 1.3, LONGEST_WAIT);
    if (region.hasAttribute("data-pending")) setTimeout(look, wait);
  }

  setTimeout(look, wait);
})();

// Offers a button that copies the campaign's link. Without this file the link can still be used.
(() => {
  "use strict";
  const box = document.querySelector("[data-share]");
  if (!box || !navigator.clipboard) return;
  const confirmation = box.querySelector("[data-copied]");
  box.hidden = false;
  box.querySelector("[data-copy]").addEventListener("click", async () => {
    await navigator.clipboard.writeText(box.dataset.share);
    confirmation.textContent = confirmation.dataset.copied;
  });
})();

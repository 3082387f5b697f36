// Offers a button that copies the campaign's link. Without this file the link can still be used.
(() => {
  "use strict";
  const box = document.querySelector("[data-share]");
  if (!box || !navigator.clipboard) return;
  const told = box.querySelector("[data-copied]");
  box.hidden = false;
  box.querySelector("[data-copy]").addEventListener("click", async () => {
    await navigator.clipboard.writeText(box.dataset.share);
    told.textContent = told.dataset.copied;
  });
})();

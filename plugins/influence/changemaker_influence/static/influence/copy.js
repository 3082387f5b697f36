// Offers buttons that copy a text. Without this file it can be selected and copied.
(() => {
  "use strict";
  if (!navigator.clipboard) return;
  for (const box of document.querySelectorAll("[data-copies]")) {
    const confirmation = box.querySelector("[data-copied]");
    box.hidden = false;
    box.querySelector("button").addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(box.dataset.copies).value);
      confirmation.textContent = confirmation.dataset.copied;
    });
  }
})();

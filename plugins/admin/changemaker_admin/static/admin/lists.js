// Ticks many rows of a list at once. Without this file each row is ticked by itself.

for (const list of document.querySelectorAll("form.list")) {
  const boxes = [...list.querySelectorAll('input[name="selected"]')];
  const every = list.querySelector('input[name="all"]');
  const page = list.querySelector("[data-select-page]");
  const count = list.querySelector("[data-selected]");
  if (!boxes.length || !page) continue;
  let last = null;

  const show = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    page.checked = ticked === boxes.length;
    page.indeterminate = ticked > 0 && ticked < boxes.length;
    const all = Boolean(every?.checked);
    for (const box of [page, ...boxes]) box.disabled = all;
    for (const button of list.querySelectorAll("button[formaction]")) button.disabled = !all && !ticked;
    count.textContent = count.dataset.selected.replace("#", String(ticked));
    count.hidden = all || !ticked;
  };

  page.closest("[hidden]")?.removeAttribute("hidden");
  page.addEventListener("change", () => {
    for (const box of boxes) box.checked = page.checked;
    show();
  });
  every?.addEventListener("change", show);

  for (const box of boxes) {
    box.addEventListener("click", (event) => {
      if (event.shiftKey && last) {
        const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
      }
      last = box;
      show();
    });
    // The arrows go from box to box, as they do between choices.
    box.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const next = step && boxes[boxes.indexOf(box) + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
  }
  // A page that the browser kept may come back with ticked boxes.
  show();
}

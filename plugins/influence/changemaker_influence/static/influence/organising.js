// Each placeholder becomes a button that writes it where the cursor is.
for (const list of document.querySelectorAll("[data-inserts]")) {
  const field = document.getElementById(list.dataset.inserts);
  if (!field || field.matches(":disabled")) continue;
  for (const code of list.querySelectorAll("dt code")) {
    const button = document.createElement("button");
    button.type = "button";
    code.replaceWith(button);
    button.append(code);
    button.addEventListener("click", () => {
      field.setRangeText(code.textContent, field.selectionStart, field.selectionEnd, "end");
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.focus();
    });
  }
}

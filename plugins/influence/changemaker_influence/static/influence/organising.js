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

// A formatted text is shown below its field while it is written, as the server formats it.
for (const field of document.querySelectorAll("[data-formatted]")) {
  const preview = document.getElementById(`${field.id}-formatted`);
  const shown = preview.querySelector(".formatted");
  let waiting;
  let latest = 0;
  const refresh = async () => {
    const number = ++latest;
    const token = field.form.elements.csrf_token.value;
    const body = new URLSearchParams({ text: field.value, csrf_token: token });
    try {
      const response = await fetch(field.dataset.formatted, { method: "POST", body });
      if (!response.ok || number !== latest) return;
      // The server escapes everything that is not formatting.
      shown.innerHTML = await response.text();
      preview.hidden = !field.value.trim();
    } catch {
      preview.hidden = true; // without a connection, there is no preview; the form is as before
    }
  };
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 400);
  });
  if (field.value.trim()) refresh();
}

// Shows a look while its colours are chosen. Without this file the button "Preview" does.

const form = document.querySelector("[data-live-preview]").form;
const frame = document.querySelector('iframe[name="preview"]');
const address = new URL(frame.src);
let waiting;

function show() {
  for (const field of form.querySelectorAll('input[type="color"]')) {
    address.searchParams.set(field.name.replace(/^set-/, ""), field.value);
  }
  // In place of the one before: "back" leads out of the page, and not through each colour.
  frame.contentWindow.location.replace(address);
}

form.addEventListener("input", (event) => {
  if (event.target.type !== "color") return;
  clearTimeout(waiting);
  waiting = setTimeout(show, 150);
});

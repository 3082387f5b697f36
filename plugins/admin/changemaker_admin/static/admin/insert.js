// Inserts a variable where the cursor was: in the subject or in the text. Without this file people
// copy it from the list.

const fields = document.querySelectorAll("#subject, #text");
let last = document.getElementById("text");

for (const field of fields) {
  field.addEventListener("focus", () => {
    last = field;
  });
}

for (const button of document.querySelectorAll("[data-insert]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    last.focus();
    last.setRangeText(button.dataset.insert, last.selectionStart, last.selectionEnd, "end");
  });
}

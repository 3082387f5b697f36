// Takes the reader to the list of a form's problems. Without this file it is still at the top.
document.getElementById("form-problems")?.focus();

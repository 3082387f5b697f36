// Shows how far a bulk action is while it goes on. Without this file the page reloads itself.

const region = document.getElementById("bulk");
const bar = document.getElementById("bulk-bar");
const text = document.getElementById("bulk-text");
const events = new EventSource(region.dataset.live);

events.addEventListener("message", (event) => {
  const now = JSON.parse(event.data);
  if (now.total) {
    bar.max = now.total;
    bar.value = now.done;
  }
  text.textContent = now.text;
  if (now.final) {
    events.close();
    location.reload();
  }
});

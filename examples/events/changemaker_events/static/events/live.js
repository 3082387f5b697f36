// Keeps the number of places left up to date. The page is complete without it.
const places = document.querySelector("[data-live]");
if (places && "EventSource" in window) {
  const source = new EventSource(places.dataset.live);
  source.addEventListener("places", (event) => {
    places.querySelector("[data-left]").textContent = JSON.parse(event.data).left;
  });
}

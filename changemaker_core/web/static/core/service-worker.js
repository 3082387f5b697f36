// Registers the service worker that its element names.
const { worker, scope } = document.currentScript.dataset;
navigator.serviceWorker?.register(worker, { scope, updateViaCache: "none" });

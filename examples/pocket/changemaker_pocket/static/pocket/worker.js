// Stores the page with what it needs, and shows it as it was seen last where there is no network.
const { version, urls, scope } = self.precache;

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(version).then((cache) => cache.addAll([scope, ...urls])));
});

self.addEventListener("activate", (event) => event.waitUntil(takeOver()));

self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(respond(event.request));
});

async function takeOver() {
  const outdated = (name) => name.startsWith("pocket.") && name !== version;
  await Promise.all((await caches.keys()).filter(outdated).map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function respond(request) {
  const cache = await caches.open(version);
  if (request.mode !== "navigate") return (await cache.match(request)) ?? fetch(request);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(scope, response.clone());
    return response;
  } catch {
    return (await cache.match(scope)) ?? Response.error();
  }
}

/* What a browser shows without a network (UI-11): files, and the pages that it showed last with the values of that time. Pages belong to
   whoever is signed in and go with the sign-out. Answers that wait for the network are not here: assets/94-later.js keeps them. */
"use strict";
const FILES = "andon-files-1";
const PAGES = "andon-pages-1";
const MOST_FILES = 150; // those of earlier versions go
const PATIENCE_MS = 6000; // then what is kept is shown: a lift, a cellar, a network that answers to nothing
const HOME = "/";
const APART = /^\/(api|graphql|docs|redoc|kiosk|set-up|export|ws|metrics)(\/|$)/;
const isFile = (path) => path.startsWith("/assets/") || path.startsWith("/_dash-component-suites/");
const lastsForEver = (url) => url.searchParams.has("m") || /\.v\d+_\d+_\d+\w*m\d+\./.test(url.pathname);

let person = 0; // another number after each sign-out and sign-in: what was asked for before is not kept for whoever comes

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) =>
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== FILES && name !== PAGES) await caches.delete(name);
    await self.clients.claim();
  })()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (url.pathname === "/sign-out" || url.pathname === "/sign-in") {
    person += 1;
    return void event.waitUntil(caches.delete(PAGES));
  }
  if (request.method !== "GET" || APART.test(url.pathname)) return;
  if (isFile(url.pathname)) event.respondWith(file(event, url));
  else if (request.mode === "navigate") event.respondWith(page(event, url.pathname));
  else if (url.pathname === "/_dash-layout") event.respondWith(part(event, layoutOf(new URL(request.referrer || HOME, url).pathname)));
  else if (url.pathname === "/_dash-dependencies") event.respondWith(part(event, url.pathname));
});

/* A page asks to be kept as it is now, with the files that it has used. */
self.addEventListener("message", (event) => {
  if (event.source && event.data && event.data.keep) event.waitUntil(keep(event.data.keep, event.data.files || []));
});

const layoutOf = (path) => "/_dash-layout?of=" + encodeURIComponent(path);

async function put(name, key, response) {
  const cache = await caches.open(name);
  await cache.put(key, response);
  if (name !== FILES) return;
  const keys = await cache.keys();
  for (const old of keys.slice(0, Math.max(0, keys.length - MOST_FILES))) await cache.delete(old);
}

/* Not where somebody has signed out or in since it was asked for. */
async function putPage(asker, key, response) {
  if (person === asker) await put(PAGES, key, response);
  if (person !== asker) await caches.delete(PAGES);
}

async function file(event, url) {
  const cache = await caches.open(FILES);
  const kept = await cache.match(event.request);
  if (kept && lastsForEver(url)) return kept;
  try {
    const response = await fetch(event.request);
    if (response.status === 200) event.waitUntil(put(FILES, event.request, response.clone()));
    return response;
  } catch (away) {
    if (kept) return kept;
    throw away;
  }
}

async function page(event, path) {
  const asker = person;
  const cache = await caches.open(PAGES);
  const kept = (await cache.match(path)) || (await cache.match(HOME));
  try {
    const response = await soon(fetch(event.request), kept);
    if (response.status === 200 && isPage(response)) event.waitUntil(putPage(asker, path, response.clone()));
    return response;
  } catch (away) {
    if (kept) return kept;
    return new Response(NOTHING, { status: 503, headers: { "Content-Type": "text/html; charset=utf-8" } });
  }
}

async function part(event, key) {
  const asker = person;
  const cache = await caches.open(PAGES);
  const kept = (await cache.match(key)) || (key.startsWith("/_dash-layout") ? await cache.match(layoutOf(HOME)) : undefined);
  try {
    const response = await soon(fetch(event.request), kept);
    if (response.status === 200) event.waitUntil(putPage(asker, key, response.clone()));
    return response;
  } catch (away) {
    if (!kept) throw away;
    const headers = new Headers(kept.headers);
    headers.set("Andon-Kept", String(Date.parse(kept.headers.get("date")) || 0));
    return new Response(kept.body, { status: 200, headers });
  }
}

/* An answer that comes in time; whoever has nothing else waits for as long as it takes. */
function soon(asked, kept) {
  if (!kept) return asked;
  const late = new Promise((_, refuse) => self.setTimeout(() => refuse(new Error("late")), PATIENCE_MS));
  return Promise.race([asked, late]);
}

const isPage = (response) => !response.redirected && (response.headers.get("content-type") || "").startsWith("text/html");

async function keep(path, files) {
  const asker = person;
  const ask = (url, more) => fetch(url, { credentials: "same-origin", ...more });
  const [html, layout, dependencies] = await Promise.all([
    ask(path, { headers: { Accept: "text/html" } }), ask("/_dash-layout", { referrer: path }), ask("/_dash-dependencies"),
  ]);
  if (html.status !== 200 || !isPage(html) || layout.status !== 200 || dependencies.status !== 200) return;
  await putPage(asker, path, html);
  await putPage(asker, layoutOf(path), layout);
  await putPage(asker, "/_dash-dependencies", dependencies);
  const cache = await caches.open(FILES);
  for (const url of files) {
    if (await cache.match(url)) continue;
    const response = await ask(url);
    if (response.status === 200) await put(FILES, url, response);
  }
}

const NOTHING = `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Andon</title>
<body style="font-family:system-ui;margin:3rem 1.5rem;max-width:32rem"><h1>Andon cannot be reached</h1>
<p>This browser has no network, or the server is away, and nothing of this plant is kept here yet.</p>
<p>Answers that you have given without a network are kept and go out when a page of Andon is open again with one.</p>
<p><a href="">Try again</a></p></body></html>`;

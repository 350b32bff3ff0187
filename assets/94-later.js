/* andon.later: answers that are given without a network wait in this browser and go out once when it is back, by the API with an
   Idempotency-Key and the time at which they were given, for the person who gave them alone (UI-11). Browsers allow what that takes (locks
   between tabs, the worker) only over HTTPS or on localhost. The bar at the foot of the page says what waits and what became of it. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, useEffect } = window.React;
  const WAITING = "andon-later";
  const REFUSED = "andon-later-refused";
  const AGAIN_MS = 10000;
  const SHOWN_MS = 8000; // so long it is said that something was sent
  const GIVE_UP_MS = 15000;
  const TRY_AGAIN = [401, 408, 425, 429]; // signed out, or too much at once: nothing was decided
  const possible = window.isSecureContext && Boolean(navigator.locks);

  const person = () => (document.getElementById("shell") || { dataset: {} }).dataset.person || "";
  const waiting = andon.makeStore([]); // [{key, who, about, title, verb, url, body, at_ms}] of this person
  const refused = andon.makeStore([]); // [{key, who, title, words, at_ms}] until they are dismissed
  const sent = andon.makeStore(null); // {count, at_ms} of the last ones that went out
  const connection = andon.makeStore({ state: "live", since_ms: null });

  function stored(name) {
    try {
      return JSON.parse(window.localStorage.getItem(name)) || [];
    } catch (unreadable) {
      return [];
    }
  }

  function store(name, items) {
    try {
      if (items.length) window.localStorage.setItem(name, JSON.stringify(items));
      else window.localStorage.removeItem(name);
    } catch (full) {
      return false;
    }
    look();
    return true;
  }

  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  function look() {
    const mine = (items) => items.filter((item) => item.who === person());
    for (const [place, name] of [[waiting, WAITING], [refused, REFUSED]]) {
      const now = mine(stored(name));
      if (!same(now, place.get())) place.set(now);
    }
  }

  /* → whether it is kept. The same answer to the same thing replaces the one before. */
  function put(answer) {
    if (!possible || !person()) return false;
    const item = { ...answer, key: window.crypto.randomUUID(), who: person() };
    const others = stored(WAITING).filter((one) => one.who !== item.who || one.about !== item.about);
    return store(WAITING, others.concat(item));
  }

  async function send(item) {
    let response;
    try {
      response = await window.fetch(item.url, { method: "POST", credentials: "same-origin", signal: AbortSignal.timeout(GIVE_UP_MS),
        headers: { "Content-Type": "application/json", "Idempotency-Key": item.key }, body: JSON.stringify(item.body) });
    } catch (away) {
      return { later: true };
    }
    if (response.ok) return {};
    if (TRY_AGAIN.includes(response.status) || response.status >= 500) return { later: true };
    const problem = await response.json().catch(() => ({}));
    return { words: problem.detail || problem.title || "It was refused." };
  }

  async function goOut() {
    let done = 0;
    for (const item of waiting.get().slice()) {
      const { later, words } = await send(item);
      if (later) break;
      done += words ? 0 : 1;
      if (words) store(REFUSED, stored(REFUSED).concat({ key: item.key, who: item.who, about: item.about, title: item.title, words, at_ms: item.at_ms }));
      store(WAITING, stored(WAITING).filter((one) => one.key !== item.key));
    }
    if (!done) return;
    sent.set({ count: done, at_ms: Date.now() });
    window.setTimeout(() => sent.set(sent.get() && Date.now() - sent.get().at_ms >= SHOWN_MS ? null : sent.get()), SHOWN_MS + 50);
  }

  /* One tab sends; the others see by the storage what has gone. */
  function flush() {
    look();
    if (!possible || !waiting.get().length || navigator.onLine === false) return;
    navigator.locks.request(WAITING, { ifAvailable: true }, (lock) => (lock ? goOut() : null)).then(() =>
      window.dash_clientside.set_props("shell-pulse", { data: Date.now() }));
  }

  andon.later = { possible, put, flush, waiting, refused, connection };

  window.addEventListener("storage", (event) => [WAITING, REFUSED].includes(event.key) && look());
  window.addEventListener("online", () => window.setTimeout(flush, 500));
  window.setInterval(() => waiting.get().length && ["live", "paused"].includes(connection.get().state) && flush(), AGAIN_MS);
  window.addEventListener("andon-connection", ({ detail }) => {
    const before = connection.get().state;
    connection.set(detail);
    if (before !== detail.state && detail.state !== "lost") flush();
  });

  /* ---- The bar */
  const many = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

  function Lost({ since_ms }) {
    const age = andon.useTick((now) => (since_ms == null ? "" : andon.age(now - since_ms)));
    const from = since_ms == null ? "" : `What you see is of ${andon.clockTime(since_ms)}, ${age}. `;
    const can = possible ? "What you acknowledge and the reasons you give are kept here and sent when it is back."
      : "Nothing can be answered until it is back: keeping answers needs HTTPS, or localhost.";
    return h("p", null, h("b", null, "No connection. "), from, can);
  }

  function Waiting({ items }) {
    return h("div", { className: "later-waiting" }, h("p", null, h("b", null, `${many(items.length, "answer")} not sent yet`)),
      h("ul", null, items.map((item) => h("li", { key: item.key }, `${item.verb} ${andon.clockTime(item.at_ms)}: ${item.title}`))));
  }

  function Refused({ item }) {
    const dismiss = () => store(REFUSED, stored(REFUSED).filter((one) => one.key !== item.key));
    return h("div", { className: "later-refused", "data-refused": item.about },
      h("p", null, h("b", null, item.title + ": "), item.words, h("span", { className: "muted" }, ` You answered at ${andon.clockTime(item.at_ms)}.`)),
      h("button", { type: "button", className: "btn-close", "aria-label": "Dismiss: " + item.title, onClick: dismiss }));
  }

  andon.LaterBar = function LaterBar() {
    const { state, since_ms } = andon.useStore(connection);
    const [items, failed, gone] = [andon.useStore(waiting), andon.useStore(refused), andon.useStore(sent)];
    useEffect(() => {
      look();
      flush();
    }, []);
    const lost = state === "lost";
    const shown = lost || items.length || failed.length || gone;
    return h("div", { className: shown ? "later-bar" : "hidden", role: "status", "aria-live": "polite" },
      lost ? h(Lost, { since_ms }) : null,
      items.length ? h(Waiting, { items }) : null,
      gone && !items.length ? h("p", null, `${many(gone.count, "answer")} sent.`) : null,
      failed.map((item) => h(Refused, { key: item.key, item })));
  };

  /* ---- The worker, once the page is done with itself; and the page as it is now, for when it is opened again without a network. */
  const kept = () => performance.getEntriesByType("resource").map((one) => one.name)
    .filter((name) => name.startsWith(window.location.origin + "/assets/") || name.startsWith(window.location.origin + "/_dash-component-suites/"));
  let keptMs = 0;
  function keep() {
    const worker = navigator.serviceWorker.controller;
    if (!worker || !person() || andon.keptMs || connection.get().state !== "live" || Date.now() - keptMs < 60000) return;
    keptMs = Date.now();
    worker.postMessage({ keep: window.location.pathname, files: kept() });
  }
  if (window.isSecureContext && navigator.serviceWorker && document.documentElement.dataset.kiosk === undefined)
    window.addEventListener("load", () => window.setTimeout(() => {
      if (!person()) return; // no page of the application
      navigator.serviceWorker.addEventListener("controllerchange", keep);
      navigator.serviceWorker.register("/worker.js").then(keep, () => null);
      document.addEventListener("visibilitychange", () => document.hidden && keep());
    }, 3000));
})();

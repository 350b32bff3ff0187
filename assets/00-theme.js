/* The zone, told to the server, which writes times in it; and the theme, before the first paint where this file is also linked from <head> (running twice is harmless).
   window.andon.theme: get() → "light" | "dark", set("light" | "dark" | null for the system's), toggle(),
   subscribe(fn) → unsubscribe. The choice is kept in localStorage; <html data-theme> holds what is shown. */
(function () {
  "use strict";
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  document.cookie = `andon_zone=${encodeURIComponent(here)}; Path=/; Max-Age=31536000; SameSite=Lax`;

  const KEY = "andon-theme";
  const andon = (window.andon = window.andon || {});
  if (andon.theme) return;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const listeners = new Set();

  function stored() {
    try {
      const value = window.localStorage.getItem(KEY);
      return value === "light" || value === "dark" ? value : null;
    } catch (refused) {
      return null; // storage can be switched off; the system's choice still holds
    }
  }

  const wall = document.documentElement.dataset.kiosk; // a wall screen's link says which: "light", "dark", or the system's
  let chosen = wall === undefined ? stored() : wall === "system" ? null : wall;

  function get() {
    return chosen || (system.matches ? "dark" : "light");
  }

  function show() {
    if (document.documentElement.dataset.theme === get()) return;
    document.documentElement.dataset.theme = get();
    listeners.forEach((listener) => listener(get()));
  }

  function set(theme) {
    chosen = theme === "light" || theme === "dark" ? theme : null;
    try {
      if (chosen) window.localStorage.setItem(KEY, chosen);
      else window.localStorage.removeItem(KEY);
    } catch (refused) {
      /* not kept beyond this page */
    }
    show();
  }

  andon.theme = {
    get,
    set,
    toggle: () => set(get() === "dark" ? "light" : "dark"),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  system.addEventListener("change", show);
  window.addEventListener("storage", (event) => {
    if (event.key !== KEY || wall !== undefined) return;
    chosen = stored();
    show();
  });
  show();
})();

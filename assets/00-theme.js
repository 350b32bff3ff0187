/* The theme, before the first paint where this file is also linked from <head> (running twice is harmless).
   window.andon.theme: get() → "light" | "dark", set("light" | "dark" | null for the system's), toggle(),
   subscribe(fn) → unsubscribe. The choice is kept in localStorage; <html data-theme> holds what is shown. */
(function () {
  "use strict";
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

  let chosen = stored();

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
    if (event.key !== KEY) return;
    chosen = stored();
    show();
  });
  show();
})();

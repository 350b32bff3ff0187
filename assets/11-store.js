/* A value that several components of a page show: andon.makeStore(first) → {get, set, subscribe}, andon.useStore(store) in a component. */
(function () {
  "use strict";
  const andon = (window.andon = window.andon || {});
  andon.makeStore = function makeStore(first) {
    let value = first;
    const listeners = new Set();
    return {
      get: () => value,
      set(next) {
        value = next;
        listeners.forEach((listener) => listener());
      },
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
  };
  andon.useStore = (store) => window.React.useSyncExternalStore(store.subscribe, store.get);
})();

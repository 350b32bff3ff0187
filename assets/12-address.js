/* andon.address: what is shown stands in the address, so that it can be kept, sent and gone back to.

   A page that changes its own address without being loaded anew owns it: Back, Forward, and a link to the same page with another
   query are shown by the page itself then, and Dash is not asked for the whole page once more. Queries are kept readable: colons,
   commas and @ as they are. */
(function () {
  "use strict";
  const andon = window.andon;
  let owner = null; // {path, alive(), show(params), fixed()}

  function search(pairs) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(pairs)) if (value != null && value !== "") query.set(name, value);
    const text = query.toString().replace(/%3A/g, ":").replace(/%2C/g, ",").replace(/%40/g, "@");
    return text ? "?" + text : "";
  }

  const mine = () => owner && owner.path === window.location.pathname && owner.alive();
  const shown = () => owner.show(new URLSearchParams(window.location.search));
  const moved = () => window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));

  /* Before Dash hears of it: this script runs before Dash's, and listeners of one target are called in their order. */
  window.addEventListener("popstate", (event) => {
    if (!mine()) return;
    event.stopImmediatePropagation();
    shown();
  });

  andon.address = {
    search,
    own(page) {
      owner = { path: window.location.pathname, alive: () => true, ...page };
    },
    /* The page shows `pairs` from now on: a step that Back undoes; `back` says where that leads. */
    push(pairs, back) {
      window.history.pushState({ andon: { back } }, "", window.location.pathname + search(pairs));
    },
    replace(pairs) {
      window.history.replaceState(window.history.state, "", window.location.pathname + search(pairs));
    },
    /* Where this entry's Back leads, in words; empty where it leaves the page. */
    back: () => (window.history.state && window.history.state.andon && window.history.state.andon.back) || "",
    /* The address with its range counted from now as the two times that it is at the moment; null where nothing counts from now. */
    fixed() {
      const ends = mine() && owner.fixed ? owner.fixed() : null;
      if (!ends) return null;
      const pairs = Object.fromEntries(new URLSearchParams(window.location.search));
      delete pairs.range;
      return window.location.pathname + search({ ...pairs, ...ends });
    },
    /* A move inside the app. */
    go(href) {
      if (new URL(href, window.location.href).href === window.location.href) return;
      window.history.pushState({}, "", href);
      if (mine()) shown();
      else moved();
    },
  };

  /* A click that stays inside the app; with a modifier the browser does what it always does. */
  andon.follow = function (event, link) {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    andon.address.go((link || event.currentTarget).getAttribute("href"));
    window.scrollTo(0, 0);
  };
})();

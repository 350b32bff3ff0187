/* Dash writes down every change that a component reports, for an undo that we do not show, and never forgets one: each second of an open
   page adds a row, and copies those that are there. On a wall screen that is 600,000 rows a week. What is past is let go each minute. */
(function () {
  "use strict";
  const EVERY_MS = 60_000;
  window.setInterval(() => {
    for (const store of window.dash_stores || []) {
      const { history } = store.getState();
      if (history && history.past.length) history.past.length = 0;
    }
  }, EVERY_MS);
})();

/* The simulator: what an anomaly is asked besides, and how long such a thing usually lasts. */
(function () {
  "use strict";
  const dash = (window.dash_clientside = window.dash_clientside || {});
  dash.simulator = {
    kind(chosen, usual) {
      return [chosen !== "anomaly", usual[chosen]];
    },
  };
})();

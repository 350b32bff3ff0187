/* andon_alerts: the readings around an alert, in the colours of the theme; and the history, whose address is what is chosen. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h } = window.React;
  const clientside = (window.dash_clientside = window.dash_clientside || {});

  function draw(source) {
    if (!source) return clientside.no_update;
    const { data, layout } = source;
    const said = data.map((trace) => andon.charts.sayings(trace, layout.meta));
    const still = { ...layout, xaxis: { ...layout.xaxis, fixedrange: true }, yaxis: { ...layout.yaxis, fixedrange: true } };
    return andon.charts.dressed("alert-chart", { data: said, layout: still });
  }

  /* ---- The history: what is chosen is gone to, so that Back undoes it. */
  function go(next) {
    const pairs = { ...Object.fromEntries(new URLSearchParams(window.location.search)), ...next, after: "" };
    andon.address.go(window.location.pathname + andon.address.search(pairs));
  }

  function askRange(asked) {
    if (!asked) return clientside.no_update;
    if (asked.back) window.history.back();
    else go({ range: asked.range || "", from: asked.from || "", to: asked.to || "" });
    return clientside.no_update;
  }

  andon.JournalFilters = function JournalFilters({ id, query, severities, words, lines, devices }) {
    const now = query || {};
    const choice = (name, label, options) =>
      h("label", { className: "control filter" }, h("span", { className: "faint" }, label),
        h("select", { name, value: now[name] || "", onChange: (event) => go({ [name]: event.target.value }) },
          h("option", { value: "" }, "All"), (options || []).map((one) => h("option", { key: one, value: one }, one))));
    return h("div", { id: andon.domId(id), className: "alert-filters open" },
      choice("severity", "Priority", severities), choice("state", "State", words), choice("line", "Line", lines), choice("device", "Device", devices));
  };

  clientside.andon_alerts = { draw, ask_range: askRange };
})();

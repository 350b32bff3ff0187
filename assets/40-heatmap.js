/* andon.HourHeatmap: a real table whose cells are greys; the numbers in it are there for whoever does not see greys. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, memo } = window.React;

  const Cell = memo(function Cell({ row, hour, value, text, depth }) {
    const name = `${row}, ${hour}: ${text}`;
    return h("td", { className: value == null ? "none" : "", title: name,
      style: value == null ? undefined : { "--depth": depth + "%" } }, h("span", { className: "sr-only" }, text));
  });

  const Row = memo(function Row({ row, hours, unit, decimals, top }) {
    const label = row.href ? h("a", { href: row.href, onClick: andon.follow }, row.key) : row.key;
    return h("tr", null, h("th", { scope: "row" }, label), hours.map((hour, i) => {
      const value = row.values[i];
      const text = value == null ? "no data" : andon.format(value, decimals) + (unit ? " " + unit : "");
      const depth = value == null ? 0 : Math.round(Math.min(1, Math.max(0, value / top)) * 86) + 6;
      return h(Cell, { key: i, row: row.key, hour, value, text, depth });
    }));
  });

  andon.HourHeatmap = function HourHeatmap({ id, rows, hours, caption, unit, decimals = 0, max }) {
    const list = rows || [];
    const known = list.flatMap((row) => row.values).filter((value) => value != null);
    const top = max || Math.max(...known, 0) || 1;
    const end = andon.format(top, decimals) + (unit ? " " + unit : "");
    return h("div", { id: andon.domId(id), className: "heatmap" },
      h("table", null,
        h("caption", { className: "sr-only" }, caption),
        h("colgroup", null, h("col"), h("col", { span: hours.length })),
        h("thead", null, h("tr", null, h("td", null), hours.map((hour, i) =>
          h("th", { key: i, scope: "col" }, h("span", { className: i % 3 ? "sr-only" : "" }, hour))))),
        h("tbody", null, list.map((row) => h(Row, { key: row.key, row, hours, unit, decimals, top })))),
      h("div", { className: "heatmap-scale", "aria-hidden": true },
        "0 ", h("i", null), " " + end, h("i", { className: "none" }), " no data"));
  };
})();

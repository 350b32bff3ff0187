/* andon.HourHeatmap: a real table whose cells are greys; the numbers in it are there for whoever does not see greys. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, memo } = window.React;
  const ARROWS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

  /* Of the trace's colour in a full cell, in percent: where a number stands in it, the text has to be read on every grey of both themes. */
  const PALEST = 6;
  const deepest = (numbers) => (numbers ? 46 : 92);

  const Cell = memo(function Cell({ row, hour, value, text, depth, shown, stop }) {
    const name = `${row}, ${hour}: ${text}`;
    return h("td", { className: value == null ? "none" : "", title: name, tabIndex: stop,
      style: value == null ? undefined : { "--depth": depth + "%" } }, h("span", { className: shown && value != null ? "" : "sr-only" }, text));
  });

  const Row = memo(function Row({ row, hours, unit, decimals, top, low, signed, numbers, pressable, first }) {
    const label = row.href ? h("a", { href: row.href, onClick: andon.follow }, row.key) : row.key;
    return h("tr", null, h("th", { scope: "row" }, label), hours.map((hour, i) => {
      const value = row.values[i];
      const text = value == null ? "no data" : andon.format(value, decimals) + (unit ? " " + unit : "");
      const share = signed ? Math.abs(value) / top : (value - low) / (top - low || 1);
      const depth = value == null ? 0 : Math.round(Math.min(1, Math.max(0, share)) * (deepest(numbers) - PALEST)) + PALEST;
      return h(Cell, { key: i, row: row.key, hour, value, text, depth, shown: numbers,
        stop: pressable ? (first && i === 0 ? 0 : -1) : undefined });
    }));
  });

  /* One stop for Tab in all of the cells: arrows go from one to the next, Enter and the space bar press it. */
  function byKey(event) {
    const cell = event.target;
    if (cell.tagName !== "TD" || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      cell.click();
      return;
    }
    const step = ARROWS[event.key];
    const row = step && cell.closest("tbody").rows[cell.parentElement.sectionRowIndex + step[0]];
    const next = row && row.cells[cell.cellIndex + step[1]];
    if (!next || next.tagName !== "TD") return;
    event.preventDefault();
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  andon.HourHeatmap = function HourHeatmap({ id, rows, hours, caption, unit, decimals = 0, min = 0, max, signed, numbers, pressable }) {
    const list = rows || [];
    const known = list.flatMap((row) => row.values).filter((value) => value != null);
    const top = max || Math.max(...known, 0) || 1;
    const end = andon.format(top, decimals) + (unit ? " " + unit : "");
    return h("div", { id: andon.domId(id), className: "heatmap" + (numbers ? " numbers" : "") },
      h("table", null,
        h("caption", { className: "sr-only" }, caption),
        h("colgroup", null, h("col"), h("col", { span: hours.length })),
        h("thead", null, h("tr", null, h("td", null), hours.map((hour, i) =>
          h("th", { key: i, scope: "col" }, h("span", { className: i % 3 && !numbers ? "sr-only" : "" }, hour))))),
        h("tbody", { onKeyDown: pressable ? byKey : undefined }, list.map((row, i) => h(Row,
          { key: row.key, row, hours, unit, decimals, top, low: min, signed, numbers, pressable, first: i === 0 })))),
      h("div", { className: "heatmap-scale", "aria-hidden": true },
        (signed ? "0" : andon.format(min, decimals)) + " ", h("i", { style: { "--deepest": deepest(numbers) + "%" } }),
        (signed ? " ±" : " ") + end, h("i", { className: "none" }), " no data"));
  };
})();

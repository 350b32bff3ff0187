/* andon.files: what is shown, as a file: a table's rows by way of the server, a chart's points as CSV. */
(function () {
  "use strict";
  const andon = window.andon;
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const FORMULA = /^\s*[=+\-@]|^[\t\r]/;
  const NUMBER = /^[−-]?\d{1,3}(,\d{3})*(\.\d+)?$|^[−-]?\d+(\.\d+)?$/;
  const LATER = 10_000;

  const safe = (name) => name.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^-+|-+$/g, "") || "data";

  function save(blob, name) {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), LATER);
  }

  /* A number is written as it is; a text that would run as a formula gets an apostrophe before it. */
  function cell(value) {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return Number.isFinite(value) ? String(value) : "";
    const text = FORMULA.test(value) ? "'" + value : String(value);
    return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }

  const csv = (rows) => "\ufeff" + rows.map((row) => row.map(cell).join(",") + "\r\n").join("");

  const iso = (ms) => new Date(ms).toISOString();

  /* The points of a figure, one line each: the lines that have a name, in the figure's order. */
  function chartRows(figure) {
    const { data, layout } = figure;
    const overTime = Boolean(layout && layout.meta && layout.meta.zone);
    const drawn = data.filter((trace) => Array.isArray(trace.x) && Array.isArray(trace.y) && trace.hoverinfo !== "skip");
    const rows = [["series", overTime ? "time" : "x", "value"]];
    for (const [index, trace] of drawn.entries())
      trace.x.forEach((x, i) => {
        if (trace.y[i] === null || trace.y[i] === undefined) return;
        rows.push([trace.name || (drawn.length > 1 ? `series ${index + 1}` : ""), overTime && typeof x === "number" ? iso(x) : x, trace.y[i]]);
      });
    return rows;
  }

  function chartCsv(figure, name) {
    save(new Blob([csv(chartRows(figure))], { type: "text/csv" }), safe(name) + ".csv");
  }

  const plain = (text) => (NUMBER.test(text) ? Number(text.replace(/,/g, "").replace("−", "-")) : text);

  async function table({ name, columns, rows, numbers }, form) {
    const text = (value) => (value !== null && typeof value === "object" ? value.text : value);
    const cells = rows.map((row) =>
      row.map((value, i) => {
        const shown = text(value);
        return (numbers || []).includes(i) && typeof shown === "string" ? plain(shown) : shown === undefined ? null : shown;
      }),
    );
    const answer = await fetch("/tables/shown." + form, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name, head: (columns || []).map(String), rows: cells }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    save(await answer.blob(), safe(name) + "." + form);
  }

  /* What a drawing shows that is not a line of points, by the id of its element: a function that gives rows with a heading (`points`). */
  const drawings = new Map();

  function points(id, rows) {
    drawings.set(id, rows);
    return () => drawings.delete(id);
  }

  /* Any button with data-chart-csv: the id of the chart whose points it saves. */
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-chart-csv]");
    if (!button) return;
    const { chartCsv: id, name } = button.dataset;
    if (drawings.has(id)) return save(new Blob([csv(drawings.get(id)())], { type: "text/csv" }), safe(name) + ".csv");
    const drawn = document.getElementById(id)?.querySelector(".js-plotly-plot");
    if (drawn) chartCsv({ data: drawn.data, layout: drawn.layout }, name);
  });

  andon.files = { chartCsv, chartRows, csv, points, safe, save, table };

  clientside.andon_files = {
    keep_address(pairs) {
      if (pairs) andon.address.replace(pairs);
      return clientside.no_update;
    },
  };
})();

/* andon_overview: the heatmap of the overview, in the viewer's hours and the theme's colours; and a text that counts on
   by itself (andon.Since). */
(function () {
  "use strict";
  const andon = window.andon;
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const { createElement: h } = window.React;
  const HOUR = 3600000;

  andon.Since = function Since({ id, at_ms: at }) {
    const text = andon.useTick((now) => andon.duration(Math.max(1000, now - at)));
    return h("span", { id: andon.domId(id), className: "since" }, text);
  };

  /* ---- The heatmap */

  function mixed(from, to, share) {
    const part = (hex, at) => parseInt(hex.slice(at, at + 2), 16);
    return "rgb(" + [1, 3, 5].map((at) => Math.round(part(from, at) * share + part(to, at) * (1 - share))).join(",") + ")";
  }

  function colours() {
    const style = getComputedStyle(document.documentElement);
    return (name) => style.getPropertyValue("--" + name).trim();
  }

  const NARROW_PX = 700;
  const amount = (row, value) => andon.format(value, 0) + (row.counts ? " units" : " min with readings");

  /* The share of a cell's colour: units against the row's busiest hour, minutes against those that there were. The hour
     under way is taken as fast as it has been so far. */
  function shares(row, passed) {
    const rates = row.values.map((value, at) => (value === null ? null : value / passed[at]));
    const top = row.counts ? Math.max(0, ...rates) : 60;
    return rates.map((rate) => (rate === null ? null : top > 0 ? Math.min(1, rate / top) : 0));
  }

  function hoverText(row, at, share, hours, soFar) {
    const when = `${row.key}, ${hours[at]}–${hours[at + 1]}${soFar ? ", so far" : ""}`;
    if (row.values[at] === null) return `${when}<br>no data`;
    const part = row.counts ? `<br>${Math.round(100 * share)} % of its busiest hour` : "";
    return `${when}<br>${amount(row, row.values[at])}${part}`;
  }

  function spoken(rows, hours) {
    return rows.map((row) => {
      const known = row.values.filter((value) => value !== null);
      if (!known.length) return `${row.key}: no data in the last 24 hours.`;
      const busiest = Math.max(...known);
      const at = row.values.indexOf(busiest);
      const sum = known.reduce((a, b) => a + b, 0);
      const most = row.counts ? `, most from ${hours[at]} to ${hours[at + 1]}, ${andon.format(busiest, 0)}` : "";
      return `${row.key}: ${amount(row, sum)} in the last 24 hours${most}.`;
    }).join(" ");
  }

  function figure({ rows, start_ms: start, end_ms: end }) {
    const colour = colours();
    const columns = rows.length ? rows[0].values.length : 0;
    const index = Array.from({ length: columns }, (_, i) => i);
    const hours = [...index, columns].map((i) => andon.clockTime(start + i * HOUR));
    const passed = index.map((i) => Math.min(1, Math.max(1 / 30, (end - start) / HOUR - i)));
    const shade = rows.map((row) => shares(row, passed));
    const size = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
    const narrow = window.innerWidth < NARROW_PX;
    const marked = index.filter((i) => Number(hours[i].slice(0, 2)) % (narrow ? 6 : 3) === 0);
    const shared = { type: "heatmap", x0: 0.5, dx: 1, y: rows.map((row) => row.key), xgap: 2, ygap: 4, showscale: false,
      zmin: 0, zmax: 1, hoverongaps: false };
    const flat = (tone) => [[0, tone], [1, tone]];
    const axis = { showgrid: false, zeroline: false, ticks: "", showline: false, color: colour("muted") };
    const hover = (row, i) => index.map((at) => hoverText(row, at, shade[i][at], hours, passed[at] < 1));
    return {
      data: [
        { ...shared, z: shade.map((row) => row.map((share) => (share === null ? 0 : null))), colorscale: flat(colour("raised")),
          text: rows.map(hover), hovertemplate: "%{text}<extra></extra>" },
        { ...shared, z: shade, text: rows.map(hover), hovertemplate: "%{text}<extra></extra>",
          colorscale: [[0, mixed(colour("trace"), colour("surface"), 0.08)], [1, mixed(colour("trace"), colour("surface"), 0.9)]] },
      ],
      layout: {
        font: { family: colour("font"), size: 0.75 * size, color: colour("muted") },
        paper_bgcolor: colour("surface"), plot_bgcolor: colour("surface"),
        margin: { l: (narrow ? 5.25 : 6.5) * size, r: 4, t: 0, b: 1.75 * size }, dragmode: "zoom",
        xaxis: { ...axis, range: [0, columns], tickvals: marked, ticktext: marked.map((i) => hours[i]), tickangle: 0 },
        yaxis: { ...axis, autorange: "reversed", fixedrange: true, tickfont: { color: colour("text"), weight: 600 }, ticklabelstandoff: 6 },
        hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("line"), font: { family: colour("font"), size: 0.75 * size, color: colour("text") },
          align: "left" },
        modebar: { bgcolor: colour("surface"), color: colour("faint"), activecolor: colour("accent"), orientation: "h" },
        uirevision: "activity",
      },
      words: spoken(rows, hours),
    };
  }

  function tableOf({ rows, start_ms: start }) {
    const cells = rows.flatMap((row) => row.values.map((value, at) =>
      [row.key, new Date(start + at * HOUR).toISOString(), value, row.counts ? "units" : "min with readings"]));
    return [["device", "hour from", "value", "of"], ...cells];
  }

  function drawActivity(hours) {
    if (!hours || !hours.rows) return [clientside.no_update, clientside.no_update];
    andon.files.points("overview-activity", () => tableOf(hours));
    const { words, ...drawn } = figure(hours);
    return [drawn, words];
  }

  clientside.andon_overview = { draw_activity: drawActivity };
})();

/* andon_analytics: charts of analytics in the colours of the theme, by the viewer's clock, and as pictures; times that
   are asked for. A source is {name, title, says, figure, height}; traces may have a `meta` of their own. */
(function () {
  "use strict";
  const andon = window.andon;
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const { dressed, paint, reader, savePicture, sayings, scaled, secondStamp, withTicks } = andon.charts;
  const WIDE = 1200, LEAST = 480;
  const none = clientside.no_update;

  const said = () => document.querySelector(".range-bar .control.chosen")?.textContent || "the time before";

  function askRange(asked) {
    if (!asked) return none;
    if (asked.back) window.history.back();
    else andon.choices.go({ range: asked.range || "", from: asked.from || "", to: asked.to || "" }, said());
    return none;
  }

  /* Where the way back leads; and on a phone the tab of this page is moved to where it can be seen. */
  function showBack() {
    document.querySelector(".tabs > [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    return andon.address.back();
  }

  /* ---- Charts. */
  const overTime = (figure) => Boolean(figure.layout.meta.zone);
  const byTouch = () => window.matchMedia("(pointer: coarse)").matches; // a finger scrolls the page

  function worded(trace, layout) {
    const meta = { ...layout.meta, ...trace.meta };
    if (meta.said)
      return { ...trace, text: trace.x.map((x, i) => `${secondStamp(x, meta.zone)}<br>${trace.customdata[i]}`) };
    if (!trace.hovertemplate || trace.text) return trace;
    const back = meta.shift_ms || 0;
    const there = sayings(back ? { ...trace, x: trace.x.map((x) => x - back) } : trace, meta);
    const name = meta.name ? `${meta.name}${back ? ", earlier" : ""}<br>` : "";
    return { ...there, x: trace.x, text: there.text.map((text) => text && name + text) };
  }

  function drawn({ name, figure }) {
    const layout = byTouch() ? { ...figure.layout, dragmode: false, xaxis: { ...figure.layout.xaxis, fixedrange: true } } : figure.layout;
    if (!overTime(figure)) return paint({ ...figure, layout: scaled(layout) }, reader());
    return dressed(`analytics-chart-${name}`, { data: figure.data.map((trace) => worded(trace, layout)), layout });
  }

  const draw = (source) => (source && source.figure ? drawn(source) : none);

  function zoom(event, source) {
    if (!event || !source || !overTime(source.figure)) return none;
    if (event["xaxis.autorange"]) {
      if (!andon.address.back()) return drawn(source); // a double click where there is no way back: as it was
      window.history.back();
      return none;
    }
    const start = event["xaxis.range[0]"], end = event["xaxis.range[1]"];
    if (Number.isFinite(start) && Number.isFinite(end)) andon.choices.go({ range: "", ...andon.TimeRangeControl.between(start, end) }, said());
    return none;
  }

  function savePng(clicks, source) {
    if (!clicks || !source || !source.figure) return none;
    const colour = reader();
    const { data, layout } = drawn(source);
    const title = {
      text: source.title, x: 0, xref: "container", xanchor: "left", y: 1, yref: "container", yanchor: "top",
      pad: { l: 18, t: 18 }, font: { size: 17, color: colour("text") },
      subtitle: { text: source.says, font: { size: 12, color: colour("muted") } },
    };
    const { margin } = layout;
    const picture = {
      ...layout, title, autosize: false, width: WIDE, height: Math.max(LEAST, (source.height || 0) + 90), paper_bgcolor: colour("surface"),
      margin: { ...margin, t: margin.t + 74, l: margin.l + 12, r: margin.r + 14, b: margin.b + 14 },
    };
    if (overTime(source.figure)) picture.xaxis = withTicks(layout.xaxis, layout.meta.zone, WIDE - 100);
    const name = `${source.title}`.replace(/[^\p{L}\p{N}._-]+/gu, "-") + ".png";
    savePicture({ data, layout: picture }, name);
    return name;
  }

  clientside.andon_analytics = { ask_range: askRange, show_back: showBack, draw, zoom, save_png: savePng };
})();

/* andon_alarms: charts of alarms in the colours of the theme and by the viewer's clock, and as pictures. A source is
   {name, title, says, figure}; the chart is the element `chart`, or alarm-chart-<name>. One whose meta has no zone is not over time. `narrow`
   is the figure where there is little room. */
(function () {
  "use strict";
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const { dressed, paint, reader, savePicture, sayings, scaled, withTicks } = window.andon.charts;
  const WIDE = 1200, HIGH = 480, NARROW = 620;
  const overTime = (figure) => Boolean(figure.layout.meta.zone);

  const said = ({ data, ...rest }) => ({ ...rest, data: data.map((trace) => (trace.text ? trace : sayings(trace, rest.layout.meta))) });

  const element = ({ chart, name }) => chart || `alarm-chart-${name}`;

  function drawn(source, figure) {
    return overTime(figure) ? dressed(element(source), said(figure)) : paint({ ...figure, layout: scaled(figure.layout) }, reader());
  }

  function draw(source) {
    if (!source || !source.figure) return clientside.no_update;
    const place = source.narrow && document.getElementById(element(source));
    return drawn(source, place && place.clientWidth < NARROW ? source.narrow : source.figure);
  }

  function savePng(clicks, source) {
    if (!clicks || !source || !source.figure) return clientside.no_update;
    const colour = reader();
    const { data, layout } = drawn(source, source.figure);
    const title = {
      text: source.title, x: 0, xref: "container", xanchor: "left", y: 1, yref: "container", yanchor: "top",
      pad: { l: 18, t: 18 }, font: { size: 17, color: colour("text") },
      subtitle: { text: source.says, font: { size: 12, color: colour("muted") } },
    };
    const { margin } = layout;
    const picture = {
      ...layout, title, autosize: false, width: WIDE, height: HIGH, paper_bgcolor: colour("surface"),
      margin: { ...margin, t: 74, l: margin.l + 12, r: margin.r + 14, b: 40 },
    };
    if (overTime(source.figure)) picture.xaxis = withTicks(layout.xaxis, layout.meta.zone, WIDE - 100);
    const name = `${source.title}`.replace(/[^\p{L}\p{N}._-]+/gu, "-") + ".png";
    savePicture({ data, layout: picture }, name);
    return name;
  }

  clientside.andon_alarms = { draw, save_png: savePng };
})();

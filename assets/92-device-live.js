/* andon.liveChart: the last minutes of one sensor. `live` holds the points as they came; what is drawn is made of them each
   time. Times are milliseconds since 1970 UTC. */
(function () {
  "use strict";
  const andon = window.andon;
  const { secondStamp, words, dressed } = andon.charts;

  const live = { source: null, xs: [], ys: [], said: new Map(), range: null, drawnAt: 0 };

  function begin(source) {
    const { x, y } = source.data[0];
    live.source = source;
    live.xs = x.filter((_, i) => y[i] != null);
    live.ys = y.filter((value) => value != null);
    live.range = source.layout.yaxis.range.slice();
    live.said.clear();
  }

  /* Hover texts of points that stay are kept: writing a time in a zone takes longer than drawing its point. */
  function saidOf(x, y, meta) {
    const said = new Map();
    const text = x.map((t, i) => {
      if (y[i] == null) return "";
      said.set(t, live.said.get(t) || `${secondStamp(t, meta.zone)}<br><b>${words(y[i], meta)}</b>`);
      return said.get(t);
    });
    live.said = said;
    return text;
  }

  /* Joins what came to what is there; a reading that is there already, or is older than the last, is put in its place. */
  function append(points) {
    for (const [t, value] of points) {
      const last = live.xs.length ? live.xs[live.xs.length - 1] : -Infinity;
      if (t > last) {
        live.xs.push(t);
        live.ys.push(value);
        continue;
      }
      const at = live.xs.findIndex((x) => x >= t);
      if (live.xs[at] !== t) {
        live.xs.splice(at, 0, t);
        live.ys.splice(at, 0, value);
      }
    }
  }

  /* One that is joined to the window stays to the left of it: the line comes in from the edge. */
  function trim(start, longest) {
    let first = live.xs.findIndex((x) => x >= start);
    if (first === -1) first = live.xs.length;
    else if (first > 0 && live.xs[first] - live.xs[first - 1] <= longest) first -= 1;
    live.xs.splice(0, first);
    live.ys.splice(0, first);
  }

  function longestStep(xs, period) {
    const steps = xs
      .slice(-100)
      .map((x, i, all) => (i ? x - all[i - 1] : 0))
      .slice(1)
      .sort((a, b) => a - b);
    return 3 * Math.max(period, steps.length > 1 ? steps[steps.length >> 1] : 0);
  }

  function broken(xs, ys, longest) {
    const x = [], y = [];
    for (let i = 0; i < xs.length; i++) {
      if (i && xs[i] - xs[i - 1] > longest) {
        x.push((xs[i] + xs[i - 1]) / 2);
        y.push(null);
      }
      x.push(xs[i]);
      y.push(ys[i]);
    }
    return [x, y];
  }

  /* The axis only ever grows, by whole steps: nothing jumps. */
  function widen(axis) {
    const step = axis.dtick;
    if (!step) return;
    const least = Math.min(...live.ys);
    const most = Math.max(...live.ys);
    if (least < live.range[0]) live.range[0] = Math.floor(least / step) * step;
    if (most > live.range[1]) live.range[1] = Math.ceil(most / step) * step;
  }

  function figure() {
    const { source } = live;
    const { meta, xaxis, yaxis } = source.layout;
    const last = live.xs.length - 1;
    const end = Math.max(andon.clock.now(), last < 0 ? 0 : live.xs[last]);
    const longest = longestStep(live.xs, meta.period_ms);
    trim(end - meta.window_ms, longest);
    if (live.xs.length) widen(yaxis);
    const bars = meta.kind === "increment";
    const [x, y] = bars ? [live.xs.slice(), live.ys.slice()] : broken(live.xs, live.ys, longest);
    const main = { ...source.data[0], x, y, text: saidOf(x, y, meta) };
    live.drawnAt = Date.now();
    if (!bars && meta.kind !== "flag") main.mode = live.xs.length > meta.few ? "lines" : "lines+markers";
    const data = [main];
    if (!bars) data.push(lastPoint(source.data[1], meta));
    const layout = {
      ...source.layout,
      xaxis: { ...xaxis, range: [end - meta.window_ms, end], visible: live.xs.length > 0 },
      yaxis: { ...yaxis, range: live.range.slice(), visible: live.xs.length > 0 },
    };
    return dressed("device-live", { data, layout });
  }

  function lastPoint(trace, meta) {
    const last = live.xs.length - 1;
    if (last < 0) return { ...trace, x: [], y: [] };
    const value = live.ys[last];
    const name = andon.beyond(value, meta.limit_low, meta.limit_high) ? meta.severity : "trace";
    return { ...trace, x: [live.xs[last]], y: [value], marker: { ...trace.marker, color: `token(${name})` } };
  }

  function take(delta) {
    if (delta.whole) live.xs.length = live.ys.length = 0;
    append(delta.points);
  }

  andon.liveChart = { live, begin, take, figure };
})();

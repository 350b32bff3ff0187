/* andon.Sparkline: the last minutes as a thin line, broken where nothing was measured. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, memo } = window.React;
  const W = 220;
  const COLUMNS = 60;

  /* Puts a break where nothing was measured. Thinned history is sparser than what is appended live, so a gap is
     judged by the spacing around it too. */
  function broken(points, periodMs) {
    const steps = points.slice(1).map((point, i) => point[0] - points[i][0]);
    const isGap = (i) => {
      if (!(steps[i] > 3 * periodMs)) return false;
      const around = steps.slice(Math.max(0, i - 2), i + 3).sort((x, y) => x - y);
      return steps[i] > 3 * around[around.length >> 1];
    };
    return points.flatMap((point, i) => (i < steps.length && isGap(i) ? [point, [point[0], null]] : [point]));
  }

  /* Air above and below, so that ordinary noise does not fill the height and look like trouble. */
  function extent(values, limits) {
    let low = Math.min(...values), high = Math.max(...values);
    const span = Math.max((high - low) * 1.7, (Math.abs(high) || 1) * 0.04);
    const middle = (low + high) / 2;
    low = middle - span / 2;
    high = middle + span / 2;
    const near = limits.filter((limit) => limit != null && limit >= low - span * 0.25 && limit <= high + span * 0.25);
    return { low: Math.min(low, ...near), high: Math.max(high, ...near), near };
  }

  /* The least and the greatest of each few pixels: what is drawn stays true and short. */
  function thinned(points, start, end) {
    if (points.length <= 2 * COLUMNS) return points;
    const kept = [];
    let column = -1, least = null, most = null;
    const flush = () => {
      if (least) kept.push(...(least === most ? [least] : least[0] < most[0] ? [least, most] : [most, least]));
      least = most = null;
    };
    for (const point of points) {
      const at = Math.floor(((point[0] - start) / (end - start)) * COLUMNS);
      if (at !== column || point[1] == null) flush();
      column = at;
      if (point[1] == null) {
        kept.push(point);
        continue;
      }
      if (!least || point[1] < least[1]) least = point;
      if (!most || point[1] > most[1]) most = point;
    }
    flush();
    return kept;
  }

  function outline(points, x, y) {
    let path = "", open = false;
    points.forEach(([t, value], i) => {
      if (value != null) {
        path += (open ? "L" : "M") + x(t) + " " + y(value);
        const next = points[i + 1];
        if (!open && (!next || next[1] == null)) path += "h.01"; // alone: round caps make it a dot
      }
      open = value != null;
    });
    return path;
  }

  andon.SparkLine = memo(function SparkLine({ points, limit_low, limit_high, window_s, period_s, end_ms, height }) {
    const H = height || 36;
    const end = Math.max(end_ms || 0, points.length ? points[points.length - 1][0] : 0);
    const start = end - (window_s || 900) * 1000;
    const recent = points.filter((point) => point[0] >= start);
    const shown = thinned(broken(recent, (period_s || 0) * 1000), start, end);
    const values = shown.map((point) => point[1]).filter((value) => value != null);
    const frame = { className: "spark", viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none",
      style: { height: H / 16 + "rem" }, "aria-hidden": true, focusable: false };
    if (!values.length) return h("svg", frame);
    const { low, high, near } = extent(values, [limit_low, limit_high]);
    const x = (t) => Math.round(((t - start) / (end - start)) * W * 10) / 10;
    const y = (value) => Math.round((H - 3 - ((value - low) / (high - low)) * (H - 6)) * 10) / 10;
    return h("svg", frame,
      near.map((limit) => h("path", { key: limit, className: "s-limit", d: `M0 ${y(limit)}H${W}` })),
      h("path", { className: "s-line", d: outline(shown, x, y) }));
  });

  andon.Sparkline = function Sparkline(props) {
    const { id, points = [], state, window_s = 900, label, unit, decimals = 1, className } = props;
    const values = points.map((point) => point[1]).filter((value) => value != null);
    const range = values.length
      ? `${andon.format(Math.min(...values), decimals)} to ${andon.format(Math.max(...values), decimals)} ${unit || ""}`
      : "no values";
    const name = `${label ? label + ", " : ""}last ${andon.duration(window_s * 1000)}: ${range.trim()}`;
    const classes = ["sparkline", andon.marks[state] ? state : "", className].filter(Boolean).join(" ");
    return h("div", { id: andon.domId(id), className: classes, role: "img", "aria-label": name, title: name },
      h(andon.SparkLine, { points, limit_low: props.limit_low, limit_high: props.limit_high, window_s,
        period_s: props.period_s, end_ms: props.end_ms, height: props.height }));
  };
})();

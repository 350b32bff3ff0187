/* andon.Sparkline: the last minutes as a thin line, broken where nothing was measured. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, memo } = window.React;
  const W = 220;

  /* Thinned history is sparser than what is appended live, so a gap is judged by the spacing around it too. */
  function gapFinder(points, periodMs) {
    const steps = points.slice(1).map((point, i) => point[0] - points[i][0]);
    return function (i) {
      const step = steps[i - 1];
      if (periodMs && step <= 3 * periodMs) return false;
      const around = steps.slice(Math.max(0, i - 3), i + 2).sort((a, b) => a - b);
      return step > 3 * around[around.length >> 1];
    };
  }

  function extent(values, limits) {
    let low = Math.min(...values), high = Math.max(...values);
    const span = Math.max(high - low, (Math.abs(high) || 1) * 0.02);
    const middle = (low + high) / 2;
    low = middle - span / 2;
    high = middle + span / 2;
    const near = limits.filter((limit) => limit != null && limit >= low - span * 0.5 && limit <= high + span * 0.5);
    return { low: Math.min(low, ...near), high: Math.max(high, ...near), near };
  }

  function outline(points, isGap, x, y) {
    let path = "", open = false, dots = [];
    for (let i = 0; i < points.length; i++) {
      const value = points[i][1];
      if (value == null) {
        open = false;
        continue;
      }
      const joined = open && !isGap(i);
      path += (joined ? "L" : "M") + x(points[i][0]) + " " + y(value);
      const next = points[i + 1];
      if (!joined && (!next || next[1] == null || isGap(i + 1))) dots.push(i); // alone: a line of no length, round caps
      open = true;
    }
    for (const i of dots) path += `M${x(points[i][0])} ${y(points[i][1])}h.01`;
    return path;
  }

  andon.SparkLine = memo(function SparkLine({ points, limit_low, limit_high, window_s, period_s, end_ms, height }) {
    const H = height || 36;
    const end = Math.max(end_ms || 0, points.length ? points[points.length - 1][0] : 0);
    const start = end - (window_s || 900) * 1000;
    const shown = points.filter((point) => point[0] >= start);
    const values = shown.map((point) => point[1]).filter((value) => value != null);
    if (!values.length) return h("svg", { className: "spark", viewBox: `0 0 ${W} ${H}`, style: { height: H }, "aria-hidden": true });
    const { low, high, near } = extent(values, [limit_low, limit_high]);
    const x = (t) => Math.round(((t - start) / (end - start)) * W * 10) / 10;
    const y = (value) => Math.round((H - 3 - ((value - low) / (high - low)) * (H - 6)) * 10) / 10;
    return h("svg", { className: "spark", viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", style: { height: H },
      "aria-hidden": true, focusable: false },
      near.map((limit) => h("path", { key: limit, className: "s-limit", d: `M0 ${y(limit)}H${W}` })),
      h("path", { className: "s-line", d: outline(shown, gapFinder(shown, (period_s || 0) * 1000), x, y) }));
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

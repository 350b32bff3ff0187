/* andon.Gauge: a half-arc with the normal band, the limits as numbered ticks and one pointer. Drawn, not animated. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, memo } = window.React;
  const CX = 80, CY = 74, R = 50;

  const given = (...numbers) => numbers.filter((number) => Number.isFinite(number));

  /* The ends of the scale; where they are not given they leave 15 % of air around everything that is. */
  andon.scale = function ({ value, low, high, normal_low, normal_high, limit_low, limit_high }) {
    const known = given(normal_low, normal_high, limit_low, limit_high, value);
    const least = known.length ? Math.min(...known) : 0;
    const most = known.length ? Math.max(...known) : 1;
    const air = (most - least || Math.abs(most) || 1) * 0.15;
    const from = low ?? (least >= 0 && least - air < 0 ? 0 : least - air);
    const to = high ?? most + air;
    return to > from ? [from, to] : [from, from + 1];
  };

  /* Strict on both sides, as the rules are: at the limit is not beyond it. */
  andon.beyond = (value, low, high) =>
    value != null && ((high != null && value > high) || (low != null && value < low));

  const round = (number) => Math.round(number * 10) / 10;

  function geometry([low, high]) {
    const angle = (x) => Math.PI * (1 - (Math.min(high, Math.max(low, x)) - low) / (high - low));
    const at = (x, r) => [round(CX + r * Math.cos(angle(x))), round(CY - r * Math.sin(angle(x)))];
    const arc = (from, to) => `M${at(from, R).join(" ")} A${R} ${R} 0 0 1 ${at(to, R).join(" ")}`;
    const spoke = (x, inner, outer) => `M${at(x, inner).join(" ")} L${at(x, outer).join(" ")}`;
    return { angle, at, arc, spoke };
  }

  function Tick({ x, shape, decimals }) {
    const angle = shape.angle(x);
    const [left, top] = shape.at(x, R + 15);
    const anchor = angle > 1.8 ? "end" : angle < 1.34 ? "start" : "middle";
    return h(React.Fragment, null,
      h("path", { className: "g-tick", d: shape.spoke(x, R - 9, R + 9) }),
      h("text", { x: left, y: top + 4, textAnchor: anchor }, andon.format(x, Number.isInteger(x) ? 0 : decimals)));
  }

  /* What stays while the value moves. */
  const Scale = memo(function Scale({ low, high, normal_low, normal_high, limit_low, limit_high, decimals }) {
    const shape = geometry([low, high]);
    const from = Math.max(low, normal_low ?? low);
    const to = Math.min(high, normal_high ?? high);
    const band = (normal_low != null || normal_high != null) && to > from;
    const limits = given(limit_low, limit_high).filter((x) => x >= low && x <= high);
    return h(React.Fragment, null,
      h("path", { className: "g-track", d: shape.arc(low, high) }),
      band && h("path", { className: "g-band", d: shape.arc(from, to) }),
      limits.map((x) => h(Tick, { key: x, x, shape, decimals })));
  });

  /* The drawing alone, for cards; it says nothing to a screen reader, the text beside it does. */
  andon.GaugeArc = memo(function GaugeArc(props) {
    const { value, normal_low, normal_high, limit_low, limit_high, decimals } = props;
    const [low, high] = andon.scale(props);
    const shape = geometry([low, high]);
    return h("svg", { className: "gauge-arc", viewBox: "14 4 132 76", "aria-hidden": true, focusable: false },
      h(Scale, { low, high, normal_low, normal_high, limit_low, limit_high, decimals }),
      value != null && h("path", { className: "g-value", d: shape.arc(low, value) }),
      value != null && h("path", { className: "g-pointer", d: shape.spoke(value, R - 10, R + 8) }));
  });

  /* The number keeps the width of the longest that its scale can show, so that its unit stands still. */
  andon.Figure = memo(function Figure({ value, unit, decimals, low, high }) {
    const text = andon.format(value, decimals);
    const widest = Math.max(text.length, ...given(low, high).map((end) => andon.format(end, decimals).length));
    return h("div", { className: "figure" + (widest > 8 ? " long" : "") },
      h("span", { className: "figure-number", style: { minWidth: Math.min(widest, 9) * 0.56 + "em" } }, text),
      unit ? h("span", { className: "figure-unit" }, " " + unit) : null);
  });

  andon.Gauge = function Gauge(props) {
    const { id, value, unit, state, label, hide_label, decimals = 1, stale, className } = props;
    const [low, high] = andon.scale(props);
    const priority = andon.marks[state] ? state : "";
    const words = [andon.format(value, decimals) + (unit ? " " + unit : ""), priority, stale ? "stale" : ""];
    const text = words.filter(Boolean).join(", ");
    const known = value != null && Number.isFinite(value);
    const meaning = known
      ? { role: "meter", "aria-valuenow": value, "aria-valuemin": Math.min(low, value),
          "aria-valuemax": Math.max(high, value), "aria-valuetext": text, "aria-label": `${label || "value"}: ${text}` }
      : { role: "img", "aria-label": `${label || "value"}: no value` };
    const classes = ["gauge", priority, stale || state === "stale" || state === "no_data" ? "stale" : "", className];
    return h("div", { id: andon.domId(id), className: classes.filter(Boolean).join(" "), ...meaning },
      label && !hide_label ? h("div", { className: "gauge-label" }, label) : null,
      h(andon.GaugeArc, { value, low: props.low, high: props.high, normal_low: props.normal_low,
        normal_high: props.normal_high, limit_low: props.limit_low, limit_high: props.limit_high, decimals }),
      h(andon.Figure, { value, unit, decimals, low, high }));
  };
})();

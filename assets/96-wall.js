/* What stands on a wall screen: devices as large tiles, one device, a line lettered large. Every value says its unit and its age, and
   one that is old, or that came before the connection went, is never drawn as a live one. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, Fragment, memo, useLayoutEffect, useMemo, useRef, useState } = window.React;
  const MOST = 12; // tiles that can be read from five metres
  const RANKS = { critical: 0, high: 1, medium: 2, low: 3, stale: 4, no_data: 5, normal: 6 };
  const W = 1000, LEFT = 90, BOTTOM = 44, TOP = 14;

  /* The devices with every delta so far; a delta is taken once. */
  function useDevices(devices, delta, now) {
    const [, again] = useState(0);
    const held = useMemo(() => new Map(devices.map((device) => [device.key, device])), [devices]);
    const applied = useRef(null);
    useMemo(() => andon.clock.sync(now), [now]);
    useLayoutEffect(() => {
      if (!delta || applied.current === delta) return;
      applied.current = delta;
      andon.clock.sync(delta.now_ms);
      for (const [key, change] of Object.entries(delta.devices || {})) {
        if (held.has(key)) held.set(key, { ...andon.deviceChanged(held.get(key), change), spark: [] });
      }
      again((count) => count + 1);
    }, [delta, held]);
    return [...held.values()];
  }

  const ageText = (main, now) => (main.at_ms == null ? "never reported" : andon.age(now - main.at_ms));

  /* What is not normal has a colour, a shape and a word; of the rest the foot says quietly how it is. */
  function State({ device, name }) {
    const mark = andon.marks[device.state];
    if (!mark) return h("span", { className: "wall-tile-name" }, name);
    return h("span", { className: "chip " + device.state }, h("span", { "aria-hidden": true }, mark + " "),
      h("span", { className: "sr-only" }, device.state + ": "), device.state_text);
  }

  function Foot({ device, stale, age }) {
    const said = stale ? "No data" : andon.marks[device.state] || device.state_text === "Normal" ? "" : device.state_text;
    return h("span", { className: "wall-tile-foot" }, said ? h("b", null, said) : h("span", null, device.main.label), h("span", null, age));
  }

  /* As large as the longest value of the range allows: the size stays the same while the value changes. */
  function Value({ main }) {
    const lengths = [...andon.scale(main), main.value].map((value) => andon.format(value, main.decimals).length);
    const size = Math.max(3, ...lengths) + 0.5 + 0.45 * (main.unit || "").length;
    return h("span", { className: "wall-value", style: { "--size": size } }, h("b", null, andon.format(main.value, main.decimals)),
      main.unit ? h("span", { className: "wall-unit" }, main.unit) : null);
  }

  const Tile = memo(function Tile({ device }) {
    const stale = andon.useTick((now) => andon.isStaleDevice(device, now));
    const age = andon.useTick((now) => ageText(device.main, now));
    const classes = ["card", "wall-tile", andon.marks[device.state] ? device.state : "", stale ? "stale" : ""];
    return h("li", { className: classes.filter(Boolean).join(" "), "data-device": device.key },
      h("b", { className: "wall-tile-key" }, device.key),
      h(State, { device, name: device.name || device.place }),
      h(Value, { main: device.main }),
      h(Foot, { device, stale, age }));
  });

  andon.WallCards = function WallCards({ id, devices, delta, now }) {
    const all = useDevices(devices || [], delta, now);
    const ordered = all.length <= MOST ? all : [...all].sort((a, b) => RANKS[a.state] - RANKS[b.state]); // sorting is stable
    const shown = all.length <= MOST ? ordered : ordered.slice(0, MOST - 1);
    const rest = ordered.slice(shown.length);
    const troubled = rest.filter((device) => andon.marks[device.state]).length;
    const count = rest.length ? shown.length + 1 : shown.length;
    const columns = count <= 3 ? count : count <= 8 ? Math.ceil(count / 2) : 4;
    return h("ul", { id: andon.domId(id), className: "wall-cards", style: { "--columns": Math.max(1, columns) } },
      shown.map((device) => h(Tile, { key: device.key, device })),
      rest.length ? h("li", { key: " rest", className: "card wall-tile rest" }, h("b", null, `${rest.length} more`),
        h("span", null, troubled ? `${troubled} of them need attention` : "all as they should be")) : null);
  };

  andon.WallDevice = function WallDevice({ id, device: first, delta, now }) {
    const list = useMemo(() => [first], [first]);
    const [device] = useDevices(list, delta, now);
    const stale = andon.useTick((at) => andon.isStaleDevice(device, at));
    const age = andon.useTick((at) => ageText(device.main, at));
    const { main } = device;
    const classes = ["card", "wall-device", andon.marks[device.state] ? device.state : "", stale ? "stale" : ""];
    return h("section", { id: andon.domId(id), className: classes.filter(Boolean).join(" "), "data-device": device.key },
      h("b", { className: "wall-tile-key" }, device.key),
      h(State, { device, name: device.place }),
      h("div", { className: "wall-gauge " + (andon.beyond(main.value, main.limit_low, main.limit_high) ? device.state : "") },
        h(andon.GaugeArc, { ...main })),
      h(Value, { main }),
      h(Foot, { device, stale, age }));
  };

  /* ---- The line */

  function extent(values, limits) {
    let low = Math.min(...values), high = Math.max(...values);
    const span = Math.max(high - low, Math.abs(high) * 0.02, 1e-9);
    const near = limits.filter((limit) => limit != null && limit >= low - span && limit <= high + span);
    low = Math.min(low, ...near);
    high = Math.max(high, ...near);
    const air = Math.max(high - low, 1e-9) * 0.08;
    return { low: low - air, high: high + air, near };
  }

  function path(points, x, y) {
    let d = "", open = false;
    for (const [t, value] of points) {
      if (value != null) d += (open ? "L" : "M") + x(t).toFixed(1) + " " + y(value).toFixed(1);
      open = value != null;
    }
    return d;
  }

  /* Between the least and the greatest of each piece of time, so that a short peak is seen. */
  function band(points, step, x, y) {
    return points.filter((point) => point[1] != null).map(([t, , low, high]) =>
      `M${x(t - step / 2).toFixed(1)} ${(y(high) - 1).toFixed(1)}H${x(t + step / 2).toFixed(1)}V${(y(low) + 1).toFixed(1)}H${x(t - step / 2).toFixed(1)}Z`).join("");
  }

  /* The height of the drawing follows the room that there is. */
  function useHeight(box) {
    const [height, setHeight] = useState(420);
    useLayoutEffect(() => {
      const look = () => {
        const { clientWidth, clientHeight } = box.current;
        if (clientWidth) setHeight(Math.max(200, Math.min(1200, Math.round((W * clientHeight) / clientWidth))));
      };
      const eye = new ResizeObserver(look);
      eye.observe(box.current);
      look();
      return () => eye.disconnect();
    }, []);
    return height;
  }

  function spoken(label, values, unit, decimals) {
    if (!values.length) return `${label}: no readings`;
    const text = (value) => andon.format(value, decimals);
    return `${label}: from ${text(Math.min(...values))} to ${text(Math.max(...values))} ${unit}`.trim();
  }

  andon.WallChart = memo(function WallChart(props) {
    const { id, points = [], start_ms: start, end_ms: end, limit_low: below, limit_high: above, unit = "", decimals = 1, zone, label } = props;
    const box = useRef(null);
    const H = useHeight(box);
    const values = points.flatMap((point) => (point[1] == null ? [] : [point[2], point[3]]));
    const name = { id: andon.domId(id), ref: box, className: "wall-chart", role: "img", "aria-label": spoken(label, values, unit, decimals) };
    if (!values.length) return h("div", name, h("p", { className: "empty-text" }, "No readings in this range."));
    const { low, high, near } = extent(values, [below, above]);
    const x = (t) => LEFT + ((t - start) / (end - start)) * (W - LEFT);
    const y = (value) => TOP + (1 - (value - low) / (high - low)) * (H - TOP - BOTTOM);
    const least = Math.min(...values), most = Math.max(...values);
    const levels = [...new Set([least, most])].filter((value) => near.every((limit) => Math.abs(y(limit) - y(value)) > 26));
    const marks = andon.timeTicks(start, end, zone).filter(([t]) => x(t) > LEFT + 20 && x(t) < W - 30);
    const every = Math.ceil(marks.length / 6);
    const level = (value, kind) => h(Fragment, { key: kind + value },
      h("path", { className: kind, d: `M${LEFT} ${y(value).toFixed(1)}H${W}` }),
      h("text", { x: LEFT - 12, y: y(value) + 8, textAnchor: "end" }, andon.format(value, decimals)));
    return h("div", name, h("svg", { viewBox: `0 0 ${W} ${H}`, "aria-hidden": true, focusable: false },
      levels.map((value) => level(value, "w-level")),
      near.map((limit) => level(limit, "w-limit")),
      h("path", { className: "w-band", d: band(points, props.step_ms, x, y) }),
      h("path", { className: "w-line", d: path(points, x, y) }),
      marks.filter((_, index) => index % every === 0).map(([t, text]) =>
        h("text", { key: t, x: x(t), y: H - 8, textAnchor: "middle" }, text))));
  });
})();

/* andon.DeviceCards: the grid of the overview. The cards' state lives in a store beside React: a delta touches the
   cards that it names, and of those the ones near the screen are drawn. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, memo, useEffect, useLayoutEffect, useMemo, useRef, useState, useSyncExternalStore } =
    window.React;
  const KEEP_MS = 15 * 60 * 1000;
  const MANY = 48; // from here on the browser need not lay out what is off the screen
  const AT_ONCE = 24; // cards drawn in full before anything is known about the screen

  function appended(spark, points) {
    const last = spark.length ? spark[spark.length - 1][0] : -Infinity;
    const all = spark.concat(points.filter((point) => point[0] > last));
    const oldest = all.length ? all[all.length - 1][0] - KEEP_MS : 0;
    const first = all.findIndex((point) => point[0] >= oldest);
    return first > 0 ? all.slice(first) : all;
  }

  function merged(device, change) {
    const next = { ...device };
    for (const name of ["state", "state_text", "others"]) if (name in change) next[name] = change[name];
    if ("value" in change || "at_ms" in change) {
      next.main = { ...device.main };
      if ("value" in change) next.main.value = change.value;
      if ("at_ms" in change) next.main.at_ms = change.at_ms;
    }
    if (change.spark) next.spark = change.spark;
    if (change.append && change.append.length) next.spark = appended(next.spark || [], change.append);
    return next;
  }

  function makeStore(devices) {
    const byKey = new Map(devices.map((device) => [device.key, device]));
    const listeners = new Map();
    return {
      get: (key) => byKey.get(key),
      subscribe: (key) => (listener) => {
        listeners.set(key, listener); // one card a key
        return () => listeners.delete(key);
      },
      apply: function (changes) {
        for (const key of Object.keys(changes)) {
          if (!byKey.has(key)) continue;
          byKey.set(key, merged(byKey.get(key), changes[key]));
          const listener = listeners.get(key);
          if (listener) listener();
        }
      },
    };
  }

  const staleAfterMs = (main) => Math.max(30, 3 * (main.period_s || 0)) * 1000;
  const isStale = (device, now) =>
    device.main.at_ms == null || device.state === "no_data" || device.state === "stale" ||
    now - device.main.at_ms > staleAfterMs(device.main);

  andon.deviceChanged = merged;
  andon.isStaleDevice = isStale;

  function Chip({ device, stale }) {
    const { state, state_text: text, main } = device;
    const priority = andon.marks[state];
    const silent = stale && !priority;
    const since = andon.useTick((now) => (silent && main.at_ms != null ? " " + andon.elapsed(now - main.at_ms) : ""));
    if (!priority) return h("span", { className: "chip", title: text }, silent ? "No data" + since : text);
    const said = text && text.toLowerCase().includes(state) ? "" : state + ": ";
    return h("span", { className: "chip " + state, title: text },
      h("span", { "aria-hidden": true }, priority + " "), said && h("span", { className: "sr-only" }, said), text);
  }

  /* A silent card says for how long once: on its chip, or here where the chip tells of an alert. */
  function Age({ atMs, stale, onChip, zone }) {
    const text = andon.useTick((now) => {
      if (atMs == null) return "never reported";
      if (!stale) return andon.age(now - atMs);
      return onChip ? "last " + andon.clockTime(atMs, zone) : "no data " + andon.elapsed(now - atMs);
    });
    return h("span", null, text);
  }

  const Others = memo(function Others({ others }) {
    return h("div", { className: "device-others" }, others.map((other) =>
      h("span", { key: other.label }, other.label + " ",
        h("b", null, andon.format(other.value, other.decimals) + (other.unit ? " " + other.unit : "")))));
  });

  /* The drawings keep what they last showed while the card is away from the screen. */
  function Drawings({ main, spark, beyond, state, endMs, value }) {
    const tone = beyond && andon.marks[state] ? state : "";
    return h(React.Fragment, null,
      h("div", { className: "device-gauge " + tone }, h(andon.GaugeArc, {
        value: main.value, low: main.low, high: main.high, normal_low: main.normal_low,
        normal_high: main.normal_high, limit_low: main.limit_low, limit_high: main.limit_high, decimals: main.decimals })),
      value,
      h("div", { className: "device-spark " + tone }, h(andon.SparkLine, {
        points: spark || [], limit_low: main.limit_low, limit_high: main.limit_high, window_s: KEEP_MS / 1000,
        period_s: main.period_s, end_ms: endMs, height: 36 })));
  }

  function useNear(index, observer) {
    const ref = useRef(null);
    const [near, setNear] = useState(index < AT_ONCE);
    useEffect(() => observer.watch(ref.current, setNear), [observer]);
    return [ref, near];
  }

  const Card = memo(function Card({ store, deviceKey, index, observer, zone }) {
    const device = useSyncExternalStore(useMemo(() => store.subscribe(deviceKey), [store, deviceKey]),
      () => store.get(deviceKey));
    const [ref, near] = useNear(index, observer);
    const stale = andon.useTick((now) => isStale(device, now));
    const slot = andon.useTick((now) => (near ? Math.floor(now / 15000) : 0)); // silent lines move to the left too
    const drawn = useRef(null);
    const { main } = device;
    if (near) drawn.current = { device, endMs: Math.max(slot * 15000, main.at_ms || 0) };
    const [low, high] = andon.scale(main);
    const classes = ["card", "device", andon.marks[device.state] ? device.state : "", stale ? "stale" : ""];
    const value = h(andon.Figure, { value: main.value, unit: main.unit, decimals: main.decimals, low, high });
    const shown = drawn.current;
    return h("li", { ref }, h("a", { className: classes.filter(Boolean).join(" "), href: device.href, onClick: andon.follow,
      "data-device": device.key },
      h("span", { className: "device-head" },
        h("span", { className: "device-key" }, device.key), h(Chip, { device, stale })),
      h("span", { className: "device-sub", title: device.place },
        [device.name, main.label].filter(Boolean).join(" · ")),
      shown
        ? h(Drawings, { main: shown.device.main, spark: shown.device.spark, state: shown.device.state, endMs: shown.endMs,
            beyond: andon.beyond(shown.device.main.value, main.limit_low, main.limit_high), value })
        : h(React.Fragment, null, h("div", { className: "device-gauge" }), value, h("div", { className: "device-spark" })),
      h("span", { className: "device-when" }, h("span", null, "last 15 min"),
        h(Age, { atMs: main.at_ms, stale, onChip: !andon.marks[device.state], zone })),
      device.others && device.others.length ? h(Others, { others: device.others }) : null));
  });

  /* One observer for all cards; each hears only of itself. */
  function makeObserver() {
    const heard = new WeakMap();
    const eye = new IntersectionObserver(
      (entries) => entries.forEach((entry) => heard.get(entry.target)?.(entry.isIntersecting)),
      { rootMargin: "400px 0px" });
    const all = new Set();
    const beforePrint = () => all.forEach((hear) => hear(true));
    window.addEventListener("beforeprint", beforePrint);
    return {
      watch: function (element, hear) {
        heard.set(element, hear);
        all.add(hear);
        eye.observe(element);
        return () => {
          eye.unobserve(element);
          all.delete(hear);
        };
      },
      close: function () {
        eye.disconnect();
        window.removeEventListener("beforeprint", beforePrint);
      },
    };
  }

  andon.DeviceCards = function DeviceCards({ id, devices, delta, now, zone }) {
    const list = devices || [];
    const store = useMemo(() => makeStore(list), [devices]);
    const observer = useMemo(makeObserver, []);
    const applied = useRef(null);
    useMemo(() => andon.clock.sync(now), [now]);
    useEffect(() => () => observer.close(), []);
    useLayoutEffect(() => {
      if (!delta || applied.current === delta) return; // new devices must not take an old delta again
      applied.current = delta;
      andon.clock.sync(delta.now_ms);
      if (delta.devices) store.apply(delta.devices);
    }, [delta, store]);
    const cards = useMemo(
      () => list.map((device, index) => h(Card, { key: device.key, store, deviceKey: device.key, index, observer, zone })),
      [store, zone]);
    return h("ul", { id: andon.domId(id), className: "cards" + (list.length > MANY ? " many" : ""),
      "data-version": delta ? delta.version : undefined }, cards);
  };
})();

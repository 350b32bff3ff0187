/* andon_device: the charts of a device page carried forward each second, and what changes their range. What is drawn comes
   from the server as figures (`dashapp/ui/figures`). Times are milliseconds since 1970 UTC. */
(function () {
  "use strict";
  const andon = window.andon;
  const { reader, wall, instant, two, minuteText, secondStamp, withTicks, sayings, dressed, savePicture } = andon.charts;
  const { live, begin, take, figure } = andon.liveChart;
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE;

  /* ---- The history chart. */
  const history = { source: null };
  const byTouch = () => window.matchMedia("(pointer: coarse)").matches; // a finger scrolls the page

  function beginHistory(source) {
    history.source = { ...source, data: source.data.map((trace) => sayings(trace, source.layout.meta)) };
  }

  function historyFigure() {
    const { data, layout } = history.source;
    const touched = byTouch() ? { dragmode: false, xaxis: { ...layout.xaxis, fixedrange: true } } : {};
    return dressed("device-history", { data, layout: { ...layout, ...touched } });
  }

  andon.theme.subscribe(() => {
    if (live.source && document.getElementById("device-live")) show("device-live", { figure: figure() });
    if (history.source && document.getElementById("device-history")) show("device-history", { figure: historyFigure() });
  });

  /* ---- Callbacks. */
  const none = clientside.no_update;
  const show = (id, props) => clientside.set_props(id, props);

  function triggered() {
    const found = clientside.callback_context.triggered[0] || {};
    const at = (found.prop_id || "").lastIndexOf(".");
    const id = (found.prop_id || "").slice(0, at);
    return {
      id: id.startsWith("{") ? JSON.parse(id) : id,
      prop: (found.prop_id || "").slice(at + 1),
      value: found.value,
    };
  }

  /* Everything that moves each second, in one answer: each one costs Dash a round through the whole page. */
  function showNow(source, delta, gauges, flags, page) {
    if (source !== live.source) begin(source);
    else if (delta !== live.delta && delta.sensor === source.layout.meta.sensor) take(delta);
    live.delta = delta;
    live.page = page;
    return [figure(), ...quiet(), ...instruments(gauges, flags)];
  }

  /* [what is said instead of the chart, whether nothing is, the frame's classes] */
  function quiet() {
    const { name, zone, last_ms: before, window_ms: window } = live.source.layout.meta;
    const last = live.xs.length ? live.xs[live.xs.length - 1] : before;
    const silent = last == null || last < andon.clock.now() - window;
    const text =
      last == null
        ? `${name} has never reported.`
        : `No reading in the last 15 minutes. The last one was at ${secondStamp(last, zone)}.`;
    return [text, !silent, "chart-frame live-frame" + (silent ? " quiet" : "")];
  }

  const staleNow = (sensor) => {
    const at = (live.delta.gauges[sensor] || {}).at_ms;
    return at == null || andon.clock.now() - at > Math.max(30, 3 * (live.page.periods[sensor] || 0)) * SECOND;
  };

  function instruments(gauges, flags) {
    const now = ({ sensor }) => live.delta.gauges[sensor] || { value: null, state: "no_data" };
    const word = ({ value }) => (value == null ? "–" : value > 0 ? "on" : "off");
    const look = (id) =>
      ["flag-word", andon.marks[now(id).state] && now(id).state, staleNow(id.sensor) && "stale"]
        .filter(Boolean)
        .join(" ");
    live.stale = gauges.map((id) => [id, staleNow(id.sensor)]);
    return [
      gauges.map((id) => now(id).value),
      gauges.map((id) => now(id).state),
      live.stale.map((pair) => pair[1]),
      flags.map((id) => word(now(id))),
      flags.map(look),
    ];
  }

  /* Time passes also where nothing comes: the window moves on, gauges grow old, a range that counts back from now is
     asked again. */
  const isPaused = () => document.getElementById("shell-pause")?.getAttribute("aria-pressed") === "true";

  andon.clock.subscribe(() => {
    if (!live.source || isPaused() || !document.getElementById("device-live")) return;
    const minute = Math.floor(andon.clock.now() / MINUTE);
    if (live.minute !== undefined && live.minute !== minute) show("device-minute", { data: minute });
    live.minute = minute;
    if (Date.now() - live.drawnAt < 1900) return;
    show("device-live", { figure: figure() });
    (live.stale || []).forEach((pair) => {
      const stale = staleNow(pair[0].sensor);
      if (stale !== pair[1]) show(pair[0], { stale });
      pair[1] = stale;
    });
  });

  function showHistory(source, presets, moves, view) {
    if (!source) return Array(6).fill(none);
    beginHistory(source);
    document.querySelector(".history-frame").classList.remove("busy");
    const { meta } = source.layout;
    const fine = meta.end_ms - meta.start_ms < 2 * HOUR;
    const fixed = (ms) =>
      ((w) => `${w.year}-${two(w.month)}-${two(w.day)} ${minuteText(w)}` + (fine ? ":" + two(w.second) : ""))(
        wall(ms, meta.zone),
      );
    return [
      historyFigure(),
      fixed(meta.start_ms),
      fixed(meta.end_ms),
      presets.map(({ range }) => String(range === meta.range)),
      moves.map(({ to }) =>
        to === "back" ? !view.past.length : to === "later" ? meta.end_ms > andon.clock.now() - MINUTE : false,
      ),
      null,
    ];
  }

  /* Where a press, a field or a drag leads: the next view, or nothing. */
  function destination(from, to, view) {
    const { id, prop, value } = triggered();
    if (prop === "relayoutData") return zoomed(value || {});
    if (!value) return null;
    if (id === "device-apply" || id === "device-from" || id === "device-to")
      return { range: null, from: typed(from), to: typed(to) };
    if (id.type === "device-sensor") return id.sensor === view.sensor ? null : { sensor: id.sensor };
    if (id.type === "device-preset") return { range: id.range, from: null, to: null };
    return id.type === "device-move" ? moved(id.to) : null;
  }

  /* A local time as it is typed, as an instant: an address means the same wherever it is opened. What is none goes to the
     server, which says so. */
  function typed(text) {
    const [, ...parts] = /^\s*(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d))?)?\s*$/.exec(text || "") || [];
    if (!parts.length) return (text || "").trim();
    const [year, month, day, hour, minute, second] = parts.map((part) => Number(part || 0));
    const local = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
    const exists = local.getUTCMonth() === month - 1 && local.getUTCDate() === day && local.getUTCHours() === hour;
    return exists ? new Date(instant(local.getTime(), history.source.layout.meta.zone)).toISOString() : text.trim();
  }

  const between = (start, end) => ({ range: null, from: new Date(start).toISOString(), to: new Date(end).toISOString() });

  function zoomed(event) {
    if (event["xaxis.autorange"]) return "back"; // a double click
    const start = event["xaxis.range[0]"],
      end = event["xaxis.range[1]"];
    if (!Number.isFinite(start) || !Number.isFinite(end)) return null;
    return between(Math.floor(start), Math.max(Math.ceil(end), Math.floor(start) + SECOND));
  }

  function moved(to) {
    if (to === "back") return "back";
    const { start_ms: start, end_ms: end } = history.source.layout.meta;
    const span = end - start,
      middle = (start + end) / 2;
    if (to === "in") return between(middle - Math.max(span / 4, SECOND / 2), middle + Math.max(span / 4, SECOND / 2));
    const now = Math.max(andon.clock.now(), end);
    if (to === "out") return between(Math.min(middle + span, now) - 2 * span, Math.min(middle + span, now));
    const step = to === "earlier" ? -span / 2 : Math.min(span / 2, now - end);
    return between(start + step, end + step);
  }

  /* The view is set only where it changes: an output that stays as it is would have everything asked for again. */
  function navigate(...parts) {
    const [from, to, view] = parts.slice(-3);
    const next = destination(from, to, view);
    if (!next) return none;
    const past = view.past.slice(-30);
    if (next === "back" && !past.length) return restore();
    const { range, from: start, to: end } = view;
    const back = next === "back" ? past.pop() : null;
    const again = next.range && next.range === range;
    const kept = back || next.sensor || again ? past : past.concat([{ range, from: start, to: end }]);
    const frame = document.querySelector(".history-frame");
    const shown = { ...view, ...(back || next), past: kept, width: frame.clientWidth };
    frame.classList.add("busy");
    remember(shown);
    show("device-view", { data: shown });
    return none;
  }

  /* A double click where there is no way back: the chart as it was. */
  function restore() {
    if (history.source) show("device-history", { figure: historyFigure() });
    return none;
  }

  /* The address says what is shown, so that it can be kept and sent; the browser's own Back leads to the page before. */
  function remember({ sensor, range, from, to }) {
    const query = new URLSearchParams({ sensor });
    for (const [name, value] of Object.entries({ range, from, to })) if (value) query.set(name, value);
    window.history.replaceState(window.history.state, "", window.location.pathname + "?" + query);
  }

  /* Another sensor is told to those that it concerns alone: an output that stays as it is would wake them, too. */
  function showView(view, ids, sensor) {
    if (view.sensor !== sensor) show("device-sensor", { data: view.sensor });
    return ids.map((id) => String(id.sensor === view.sensor));
  }

  /* ---- A chart as a picture: with what the page says around it, on a ground of its own. */
  const WIDE = 1200,
    HIGH = 480;

  function savePng(_clicks, page, view) {
    const { id, value } = triggered();
    if (!value) return none;
    const chart = id.chart === "live" ? figure() : historyFigure();
    const said = (name) => document.getElementById(`device-${id.chart}-${name}`)?.textContent || "";
    const colour = reader();
    const { margin, meta } = chart.layout;
    const ends = chart.layout.xaxis.range.map((ms) => secondStamp(ms, meta.zone)).join(" – ");
    const below = id.chart === "live" ? `${ends}. ${said("facts")}` : said("says");
    const title = {
      text: `${page.key} ${said("title")}`,
      x: 0,
      xref: "container",
      xanchor: "left",
      y: 1,
      yref: "container",
      yanchor: "top",
      pad: { l: 18, t: 18 },
      font: { size: 17, color: colour("text") },
      subtitle: { text: below, font: { size: 12, color: colour("muted") } },
    };
    const layout = {
      ...chart.layout,
      autosize: false,
      width: WIDE,
      height: HIGH,
      paper_bgcolor: colour("surface"),
      title,
      margin: { ...margin, t: 74, l: margin.l + 12, r: margin.r + 14, b: 40 },
    };
    layout.xaxis = withTicks(layout.xaxis, layout.meta.zone, WIDE - 100);
    const [start, end] = layout.xaxis.range.map((ms) => new Date(ms).toISOString().slice(0, 16).replace(":", "") + "Z");
    const name = [page.key, view.sensor, id.chart, start, end].join("_").replace(/[^\p{L}\p{N}._-]/gu, "-");
    savePicture({ data: chart.data, layout }, name + ".png");
    return name;
  }

  clientside.andon_device = {
    navigate,
    show_view: showView,
    show_now: showNow,
    show_history: showHistory,
    save_png: savePng,
  };
})();

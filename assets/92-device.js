/* andon_device: the charts of a device page carried forward each second, and what changes their range. What is drawn comes
   from the server as figures (`dashapp/ui/figures`). Times are milliseconds since 1970 UTC. */
(function () {
  "use strict";
  const andon = window.andon;
  const { reader, secondStamp, withTicks, sayings, dressed, savePicture } = andon.charts;
  const { live, begin, take, figure } = andon.liveChart;
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const SECOND = 1000, MINUTE = 60 * SECOND;

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
    const awaited = document.querySelector(".history-frame.busy, #device-history-waiting .skeleton");
    if (!awaited) { // the minute would take the place of that answer
      if (live.minute !== undefined && live.minute !== minute) show("device-minute", { data: minute });
      live.minute = minute;
    }
    if (Date.now() - live.drawnAt < 1900) return;
    show("device-live", { figure: figure() });
    (live.stale || []).forEach((pair) => {
      const stale = staleNow(pair[0].sensor);
      if (stale !== pair[1]) show(pair[0], { stale });
      pair[1] = stale;
    });
  });

  function showHistory(source, view) {
    if (!source) return Array(4).fill(none);
    beginHistory(source);
    document.querySelector(".history-frame").classList.remove("busy");
    const { shown } = source.layout.meta;
    if (view.range && !shown.problem && view.range !== shown.range) andon.address.replace(asked({ ...view, range: shown.range }));
    return [historyFigure(), shown, andon.address.back(), null];
  }

  /* ---- What is shown stands in the address, and the address can be shown: by Back, by a link, by a saved view. */
  const asked = ({ sensor, range, from, to, page }) => ({ sensor, range, from, to, page });

  function own(page) {
    andon.address.own({
      alive: () => document.getElementById("device-history") !== null,
      show: (params) => {
        const named = Object.fromEntries(params);
        const at = (name) => (named[name] === undefined ? null : named[name]);
        set({ sensor: at("sensor") || page.usual, range: at("range"), from: at("from"), to: at("to"), page: at("page") });
      },
      fixed: () => {
        const { shown } = history.source ? history.source.layout.meta : {};
        return shown && shown.counts ? andon.TimeRangeControl.between(shown.start_ms, shown.end_ms) : null;
      },
    });
    return none;
  }

  /* The view is set only where it changes: an output that stays as it is would have everything asked for again. */
  function set(next) {
    const frame = document.querySelector(".history-frame");
    frame.classList.add("busy");
    show("device-view", { data: { ...next, width: frame.clientWidth } });
  }

  /* Where a press or a drag leads: the next view, "back", or nothing. */
  function destination(view) {
    const { id, prop, value } = triggered();
    if (prop === "relayoutData") return zoomed(value || {});
    if (!value) return null;
    if (id.type === "device-sensor") return id.sensor === view.sensor ? null : { sensor: id.sensor };
    const { back, range, from, to } = value;
    return back ? "back" : { range: range || null, from: from || null, to: to || null };
  }

  function zoomed(event) {
    if (event["xaxis.autorange"]) return "back"; // a double click
    const start = event["xaxis.range[0]"],
      end = event["xaxis.range[1]"];
    if (!Number.isFinite(start) || !Number.isFinite(end)) return null;
    return { range: null, ...andon.TimeRangeControl.between(start, end) };
  }

  function navigate(...parts) {
    const view = parts[parts.length - 1];
    const next = destination(view);
    if (!next) return none;
    if (next === "back") {
      if (andon.address.back()) window.history.back();
      else restore();
      return none;
    }
    const shown = { ...asked(view), page: null, ...next };
    if (andon.address.search(asked(shown)) === window.location.search) return none;
    andon.address.push(asked(shown), next.sensor ? "" : rangeWords());
    set(shown);
    return none;
  }

  /* What a way back leads to: "last 24 hours", "Early shift of 20 Nov 2026", "20 Nov 06:00". */
  function rangeWords() {
    if (!history.source) return "what was shown"; // pressed before the first answer
    const { shown, zone } = history.source.layout.meta;
    return shown.words || secondStamp(shown.start_ms, zone).replace(/ \d{4} (\d\d:\d\d):\d\d$/, " $1");
  }

  /* Leafing through the readings is no step of its own. */
  function showPage(before) {
    const query = Object.fromEntries(new URLSearchParams(window.location.search));
    const page = before.length ? String(before.length + 1) : undefined;
    if (query.page !== page) andon.address.replace({ ...query, page });
    return none;
  }

  /* A double click where there is no way back: the chart as it was. */
  function restore() {
    if (history.source) show("device-history", { figure: historyFigure() });
    return none;
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
    own,
    navigate,
    show_page: showPage,
    show_view: showView,
    show_now: showNow,
    show_history: showHistory,
    save_png: savePng,
  };
})();

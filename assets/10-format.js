/* What every component shares: numbers, durations, the server's clock and its tick. */
(function () {
  "use strict";
  const andon = (window.andon = window.andon || {});
  const { useSyncExternalStore } = window.React;

  /* Dash makes these two at its first callback in the browser, unless they are there: scripts name them as they load. */
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  if (!clientside.no_update) {
    Object.defineProperty(clientside, "no_update", { value: { description: "Return to prevent updating an Output." }, writable: false });
    Object.defineProperty(clientside, "PreventUpdate", { value: { description: "Throw to prevent updating all Outputs." }, writable: false });
  }

  /* 1234.5 → "1,234.5", -3 → "−3", null → "–". `decimals` absent: up to three, without trailing zeros.
     A string stays. The same as format_value in Python. */
  andon.format = function (value, decimals) {
    if (typeof value === "string") return value;
    if (value == null || !Number.isFinite(value)) return "–";
    const free = decimals == null;
    let text = Math.abs(value).toFixed(free ? 3 : decimals);
    if (free) text = text.replace(/\.?0+$/, "");
    const sign = value < 0 && /[1-9]/.test(text) ? "−" : "";
    const [whole, part] = text.split(".");
    return sign + whole.replace(/\B(?=(\d{3})+$)/g, ",") + (part ? "." + part : "");
  };

  const two = (number) => String(number).padStart(2, "0");

  andon.age = function (ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 60) return Math.max(1, s) + " s ago";
    if (s < 3600) return Math.floor(s / 60) + " min ago";
    if (s < 172800) return Math.floor(s / 3600) + " h ago";
    return Math.floor(s / 86400) + " d ago";
  };

  andon.elapsed = function (ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 3600) return two(Math.floor(s / 60)) + ":" + two(s % 60);
    if (s < 86400) return Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
    return Math.floor(s / 86400) + " d " + (Math.floor(s / 3600) % 24) + " h";
  };

  andon.duration = function (ms) {
    const minutes = Math.round(ms / 60000);
    if (ms < 60000) return Math.round(ms / 1000) + " s";
    if (minutes < 60) return minutes + " min";
    return Math.floor(minutes / 60) + " h" + (minutes % 60 ? " " + (minutes % 60) + " min" : "");
  };

  /* The zone that times are shown in: the one that the person has chosen, else the browser's; and the plant's (`zones.py`). */
  const { zone: chosen, plantZone } = document.documentElement.dataset;
  andon.viewerZone = chosen || Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  andon.plantZone = plantZone || "";

  const timeFormats = new Map();
  andon.timeFormat = function (zone, options) {
    const key = zone + JSON.stringify(options);
    if (!timeFormats.has(key)) {
      let format;
      try {
        format = new Intl.DateTimeFormat("en-GB", { timeZone: zone || andon.viewerZone, hourCycle: "h23", ...options });
      } catch (unknownZone) {
        format = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", hourCycle: "h23", ...options });
      }
      timeFormats.set(key, format);
    }
    return timeFormats.get(key);
  };

  andon.clockTime = (ms, zone) => andon.timeFormat(zone, { hour: "2-digit", minute: "2-digit" }).format(ms);

  /* The server's clock, seen from here. An answer is late by its way, never early: of the last answers the one that
     puts the server furthest ahead was the least delayed. */
  const samples = [];
  const listeners = new Set();
  let offset = 0;
  let timer = null;

  function tick() {
    if (!document.hidden) listeners.forEach((listener) => listener());
  }

  andon.clock = {
    now: () => Date.now() + offset,
    sync: function (serverMs) {
      if (!Number.isFinite(serverMs) || andon.keptMs) return; // a page that was kept says what time it was then
      samples.push(serverMs - Date.now());
      if (samples.length > 20) samples.shift();
      offset = Math.max(...samples);
    },
    subscribe: function (listener) {
      listeners.add(listener);
      if (timer === null) timer = window.setInterval(tick, 1000);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) {
          window.clearInterval(timer);
          timer = null;
        }
      };
    },
  };
  document.addEventListener("visibilitychange", tick);

  /* A component that draws again only when `read(now)` gives another string or number. */
  andon.useTick = (read) => useSyncExternalStore(andon.clock.subscribe, () => read(andon.clock.now()));

  andon.domId = function (id) {
    if (id == null || typeof id === "string") return id || undefined;
    const parts = Object.keys(id).sort().map((name) => JSON.stringify(name) + ":" + JSON.stringify(id[name]));
    return "{" + parts.join(",") + "}";
  };

  andon.marks = { critical: "◆", high: "▲", medium: "■", low: "●" };
})();

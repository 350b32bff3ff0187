/* andon.LiveStatus, andon.ThemeButton, andon.Icon: the small parts of the header. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, useEffect, useMemo, useRef, useState } = window.React;
  const LOST_AFTER_MS = 10000;

  /* A hidden page asks nothing, so silence counts only from when it was shown again. */
  let shownSince = Date.now();
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) shownSince = Date.now();
  });

  function condition({ paused, connected, fault, server_ms, lost_after_ms }) {
    const answered = server_ms == null ? 0 : server_ms;
    const waiting = Math.min(andon.clock.now() - answered, Date.now() - shownSince);
    if (connected === false && fault && navigator.onLine !== false) return "fault";
    if (connected === false || navigator.onLine === false || (!paused && waiting > (lost_after_ms || LOST_AFTER_MS))) return "lost";
    return paused ? "paused" : "live";
  }

  andon.connectionState = condition;

  andon.LiveStatus = function LiveStatus(props) {
    const { id, version, server_ms, zone } = props;
    useMemo(() => andon.clock.sync(server_ms), [server_ms]);
    const state = andon.useTick(() => condition(props));
    const age = andon.useTick((now) => (server_ms == null ? "" : andon.age(now - server_ms)));
    const since = server_ms == null ? "" : " since " + andon.clockTime(server_ms, zone);
    useEffect(() => {
      const since_ms = server_ms == null ? null : server_ms;
      window.dispatchEvent(new CustomEvent("andon-connection", { detail: { state, since_ms } }));
    }, [state]);
    const words = { live: "Live", paused: "Paused", lost: "Connection lost" + since, fault: "Not updated" + since }[state];
    // Said once when it changes; the seconds are for the eye.
    return h("div", { id: andon.domId(id), className: "live " + (state === "fault" ? "lost" : state), "data-version": version },
      h("i", { "aria-hidden": true }),
      h("span", { className: "sr-only", role: "status" }, words),
      h("span", { "aria-hidden": true, className: "live-word" }, words),
      state === "lost" || state === "fault" || !age ? null : h("span", { "aria-hidden": true, className: "live-age" }, age));
  };

  andon.ThemeButton = function ThemeButton({ id, className, setProps }) {
    const [theme, setTheme] = useState(andon.theme.get());
    useEffect(() => andon.theme.subscribe(setTheme), []);
    useEffect(() => {
      if (setProps) setProps({ theme });
    }, [theme]);
    const other = theme === "dark" ? "light" : "dark";
    return h("button", { id: andon.domId(id), type: "button", className: className || "control square",
      title: `Switch to the ${other} theme`, "aria-label": `Switch to the ${other} theme`, onClick: andon.theme.toggle },
      h(andon.Icon, { name: "theme" }));
  };

  const line = (d) => h("path", { d });
  const DRAWINGS = {
    logo: h(window.React.Fragment, null,
      h("rect", { className: "logo-case", x: 1, y: 1, width: 18, height: 18, rx: 4 }),
      h("rect", { className: "logo-lit", x: 5, y: 4, width: 10, height: 3.3, rx: 1 }),
      h("rect", { className: "logo-dark", x: 5, y: 8.4, width: 10, height: 3.3, rx: 1 }),
      h("rect", { className: "logo-dark", x: 5, y: 12.8, width: 10, height: 3.3, rx: 1 })),
    overview: line("M3 3h5.5v5.5H3zM11.5 3H17v5.5h-5.5zM3 11.5h5.5V17H3zM11.5 11.5H17V17h-5.5z"),
    alerts: line("M10 3l8 14H2zM10 8v4.5M10 14.6v.4"),
    bell: line("M4.5 14.5h11M6 14.5V9a4 4 0 0 1 8 0v5.5M10 3v2M8.6 17h2.8"),
    oee: line("M3 14a7 7 0 0 1 14 0M10 14l3.6-4.6"),
    devices: line("M3 5h14v10H3zM6.5 12l2-3 2 2 3-4"),
    more: line("M3 5h14M3 10h14M3 15h14"),
    theme: h(window.React.Fragment, null, h("circle", { cx: 10, cy: 10, r: 7 }),
      h("path", { className: "solid", d: "M10 3a7 7 0 0 1 0 14z" })),
    pause: line("M7 4v12M13 4v12"),
    play: line("M6 4l10 6-10 6z"),
    close: line("M5 5l10 10M15 5L5 15"),
    download: line("M10 3v9M6 8.5l4 4 4-4M4 16.5h12"),
    import: line("M10 12.5V3.5M6 7l4-4 4 4M3.5 11.5V16.5h13V11.5"),
    search: line("M9 3.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 1 1 0-11M13 13l4 4"),
    chevron: line("M5 8l5 5 5-5"),
    help: line("M7.2 7.4a2.8 2.8 0 1 1 4 2.6c-.8.4-1.2.9-1.2 1.8M10 14.9v.3"),
    star: line("M10 2.8l2.2 4.6 5 .7-3.6 3.5.9 5-4.5-2.4-4.5 2.4.9-5L2.8 8.1l5-.7z"),
    person: line("M10 3.5a3 3 0 1 1 0 6a3 3 0 1 1 0-6M4 17c.6-3.2 3-5 6-5s5.4 1.8 6 5"),
  };

  andon.Icon = function Icon({ id, name, size = 18, label }) {
    const meaning = label ? { role: "img", "aria-label": label } : { "aria-hidden": true };
    return h("svg", { id: andon.domId(id), className: "icon icon-" + name, viewBox: "0 0 20 20", width: size, height: size,
      focusable: false, ...meaning }, DRAWINGS[name] || null);
  };
})();

/* andon.Palette: Ctrl+K. A combobox over pages, devices, sensors, saved views, help and what the person may do. The list is fetched
   when it is first wanted; opening it again asks only whether it is still the same. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, useEffect, useLayoutEffect, useMemo, useRef, useState } = window.React;
  const SHOWN = 50, REMEMBERED = 8;
  const WORDS = { page: "Page", action: "Action", device: "Device", sensor: "Sensor", view: "Saved view", help: "Help" };
  const { plain, rank } = andon.fuzzy;

  /* ---- The list */

  const held = { etag: "", entries: [], asking: null, failed: false };

  const entry = (kind, id, shown, note, href, words, more) => (
    { kind, id: kind + ":" + id, shown, note, href, title: plain(shown), more: plain([note, words].filter(Boolean).join(" ")), ...more });

  function deviceEntries({ devices, sensor_sets: sets }, found) {
    for (const [key, name, place, set] of devices) {
      const href = "/devices/" + encodeURIComponent(key);
      const shown = name && name !== key ? key + " " + name : key;
      found.push(entry("device", key, shown, place, href, ""));
      for (const [sensor, word, unit] of sets[set])
        found.push(entry("sensor", key + "/" + sensor, key + " " + word, name === key ? place : name, href + "?sensor=" + encodeURIComponent(sensor),
          sensor + " " + unit));
    }
  }

  function made(places) {
    const found = [];
    for (const [name, href, note, keys] of places.pages) found.push(entry("page", href, name, note, href, "", { keys }));
    for (const [name, words, href, run, keys] of places.actions) found.push(entry("action", run || href, name, "", href, words, { run, keys }));
    for (const [name, href, note] of places.views) found.push(entry("view", href, name, note, href, ""));
    for (const [name, slug] of places.help) found.push(entry("help", slug, "Help: " + name, "", "/help/" + slug, ""));
    deviceEntries(places, found);
    return found;
  }

  async function refresh() {
    try {
      const response = await window.fetch("/places.json", { headers: held.etag ? { "If-None-Match": held.etag } : {}, credentials: "same-origin" });
      if (response.status === 401) return andon.signIn();
      held.failed = !response.ok && response.status !== 304;
      if (response.ok) {
        held.entries = made(await response.json());
        held.etag = response.headers.get("ETag") || "";
      }
    } catch (away) {
      held.failed = true;
    }
    return undefined;
  }

  function ask() {
    held.asking = held.asking || refresh().finally(() => (held.asking = null));
    return held.asking;
  }

  /* ---- What was chosen lately, in this browser, by this person */

  const key = () => "andon-recent-" + (document.getElementById("shell")?.dataset.person || "");

  function recents() {
    try {
      return JSON.parse(window.localStorage.getItem(key())) || [];
    } catch (refused) {
      return [];
    }
  }

  function remember(id) {
    try {
      window.localStorage.setItem(key(), JSON.stringify([id, ...recents().filter((other) => other !== id)].slice(0, REMEMBERED)));
    } catch (refused) {
      /* not kept */
    }
  }

  const live = () => document.querySelector("[data-live]") !== null;
  const isPaused = () => document.getElementById("shell-pause")?.getAttribute("aria-pressed") === "true";

  function offered(entries) {
    return entries.filter((one) => one.run !== "pause" || live())
      .map((one) => (one.run === "pause" && isPaused() ? { ...one, shown: "Resume live values" } : one));
  }

  function results(query, entries) {
    const lately = recents();
    if (query.trim()) return rank(query, entries, SHOWN, new Map(lately.map((id, at) => [id, 1 - at / REMEMBERED])));
    const byId = new Map(entries.map((one) => [one.id, one]));
    const first = lately.map((id) => byId.get(id)).filter(Boolean).map((one) => ({ ...one, lately: true }));
    const rest = entries.filter((one) => (one.kind === "page" || one.kind === "action" || one.kind === "view") && !lately.includes(one.id));
    return first.concat(rest);
  }

  /* ---- What an entry does */

  function choose(one, event) {
    remember(one.id);
    if (one.run) andon.run(one.run);
    else if (event && (event.ctrlKey || event.metaKey)) window.open(one.href, "_blank", "noopener");
    else andon.go(one.href);
  }

  function Option({ one, index, active, pick, point }) {
    const ref = useRef();
    useEffect(() => {
      if (active) ref.current.scrollIntoView({ block: "nearest" });
    }, [active]);
    return h("li", { ref, id: "palette-option-" + index, role: "option", className: "palette-option", "aria-selected": active,
      onMouseMove: () => point(index), onClick: (event) => pick(one, event) },
      h("span", { className: "palette-title" }, one.shown), h("span", { className: "palette-more" }, one.note),
      one.keys ? h("kbd", { className: "not-on-phone" }, one.keys) : null,
      h("span", { className: "palette-kind" }, one.lately ? "Recent" : WORDS[one.kind]));
  }

  andon.Palette = function Palette({ id }) {
    const [isOpen, setOpen] = useState(false);
    const [query, setQuery] = useState("");
    const [active, setActive] = useState(0);
    const [version, setVersion] = useState(0); // of the list
    const dialog = useRef();

    useLayoutEffect(() => { // there as soon as the page is
      andon.openPalette = (text = "") => {
        setQuery(text);
        setActive(0);
        setOpen(true);
        ask().then(() => setVersion((now) => now + 1));
      };
    }, []);
    useEffect(() => {
      if (isOpen && !dialog.current.open) dialog.current.showModal();
      if (!isOpen && dialog.current.open) dialog.current.close();
    }, [isOpen]);

    const shown = useMemo(() => (isOpen ? results(query, offered(held.entries)) : []), [isOpen, query, version]);
    const at = Math.min(active, shown.length - 1);
    const pick = (one, event) => {
      setOpen(false);
      dialog.current.close(); // at once: what it leads to takes the focus
      choose(one, event);
    };
    const moves = { ArrowDown: (at + 1) % shown.length, ArrowUp: (at - 1 + shown.length) % shown.length,
      PageDown: Math.min(at + 8, shown.length - 1), PageUp: Math.max(at - 8, 0) };

    function onKeyDown(event) {
      if (event.key === "Enter" && shown[at] && !event.nativeEvent.isComposing) {
        event.preventDefault();
        pick(shown[at], event);
      } else if (event.key in moves && shown.length) {
        event.preventDefault();
        setActive(moves[event.key]);
      }
    }

    const wait = held.entries.length === 0 && !held.failed;
    const none = held.failed && !held.entries.length ? "The list could not be fetched: the server does not answer. Try again in a moment."
      : wait ? "Fetching the list…" : `Nothing is called “${query.trim()}”. Try fewer letters.`;
    return h("dialog", { ref: dialog, id: andon.domId(id), className: "palette", "aria-label": "Go to or do", onClose: () => setOpen(false),
      onClick: (event) => event.target === dialog.current && setOpen(false) },
      h("div", { className: "palette-field" }, h(andon.Icon, { name: "search" }),
        h("input", { id: "palette-query", type: "text", role: "combobox", "aria-label": "Page, device, sensor or action", placeholder: "Page, device, sensor or action",
          "aria-expanded": shown.length > 0, "aria-controls": "palette-list", "aria-autocomplete": "list", autoComplete: "off", spellCheck: false,
          autoCapitalize: "off", enterKeyHint: "go", autoFocus: true, "aria-activedescendant": shown[at] ? "palette-option-" + at : undefined, value: query, onKeyDown,
          onChange: (event) => { setQuery(event.target.value); setActive(0); } }),
        h("kbd", { "aria-hidden": true }, "Esc")),
      h("ul", { id: "palette-list", className: "palette-list", role: "listbox", "aria-label": "Found", hidden: !shown.length },
        shown.map((one, index) => h(Option, { key: one.id, one, index, active: index === at, pick, point: setActive }))),
      shown.length ? null : h("p", { className: "palette-none" }, none),
      h("p", { className: "sr-only", role: "status" }, isOpen && shown.length ? `${shown.length}${shown.length === SHOWN ? " or more" : ""} found` : isOpen ? none : ""),
      h("p", { className: "palette-foot", "aria-hidden": true }, h("span", null, h("kbd", null, "↑"), " ", h("kbd", null, "↓"), " choose"),
        h("span", null, h("kbd", null, "Enter"), " open"), h("span", null, h("kbd", null, "Ctrl"), " ", h("kbd", null, "Enter"), " in a new tab")));
  };

  andon.palette = { held, made, results }; // for tests and measurements
})();

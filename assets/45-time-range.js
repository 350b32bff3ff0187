/* andon.TimeRangeControl: the one control for which time a page shows. It says what is wanted (`asked`: {range}, {from, to} or {back: true});
   the page asks the server and gives back what is shown. Times are milliseconds since 1970 UTC, fields are in `zone`. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, Fragment, useRef, useState } = window.React;
  const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

  /* 2026-11-20T06:00Z: as short as it can be. */
  const iso = (ms) => new Date(ms).toISOString().replace(/\.000Z$/, "Z").replace(/:00Z$/, "Z");
  /* Two times as an address has them: whole seconds, where nobody sees the difference, and as far apart as they were. */
  function between(start, end) {
    const grain = end - start > 2 * MINUTE ? SECOND : 1;
    const low = Math.floor(start / grain) * grain;
    return { from: iso(low), to: iso(low + Math.max(Math.round((end - start) / grain) * grain, SECOND)) };
  }

  /* A length as it stands in an address: what is shown, up to now. */
  function length(span) {
    const [size, unit] = [[DAY, "d"], [HOUR, "h"], [MINUTE, "m"], [SECOND, "s"]].find(([of]) => Math.round(span / SECOND) % (of / SECOND) === 0);
    return span > 3 * HOUR && unit === "s" ? Math.round(span / MINUTE) + "m" : Math.max(1, Math.round(span / size)) + unit;
  }

  /* Where a press of ‹ › + − leads, or nothing. */
  function moved(to, shown) {
    const { start_ms: start, end_ms: end, earlier, later } = shown;
    const span = end - start, middle = (start + end) / 2, now = Math.max(andon.clock.now(), end);
    if (to === "in") return between(middle - Math.max(span / 4, SECOND / 2), middle + Math.max(span / 4, SECOND / 2));
    if (to === "out") return between(Math.min(middle + span, now) - 2 * span, Math.min(middle + span, now));
    if (shown.shift) {
      const next = to === "earlier" ? earlier : later;
      return next ? { range: next } : null;
    }
    if (to === "earlier") return between(start - span, start);
    return end + span >= now - MINUTE ? { range: length(span) } : between(end, end + span);
  }

  /* ---- Fields: the clock on the wall of a zone, as <input type=datetime-local> has it. */
  function field(ms, zone, fine) {
    const { wall, two } = andon.charts;
    const w = wall(ms, zone);
    return `${String(w.year).padStart(4, "0")}-${two(w.month)}-${two(w.day)}T${two(w.hour)}:${two(w.minute)}` + (fine ? ":" + two(w.second) : "");
  }

  function instant(text, zone) {
    const [, ...parts] = /^(\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d))?/.exec(text || "") || [];
    if (!parts.length) return null;
    const [year, month, day, hour, minute, second] = parts.map((part) => Number(part || 0));
    return andon.charts.instant(Date.UTC(year, month - 1, day, hour, minute, second), zone);
  }

  const submits = (act) => (event) => {
    event.preventDefault();
    act();
  };
  const labelled = (label, input) => h("label", { className: "field" }, h("span", { className: "label" }, label), input);

  function CountedBack({ shown, ask }) {
    const [text, setText] = useState(shown.shift || !shown.counts || shown.range === "all" ? "" : shown.words || "");
    return h("form", { className: "range-form short", onSubmit: submits(() => text.trim() && ask({ range: text.trim() })) },
      labelled("Up to now", h("input", { className: "input", type: "text", value: text, placeholder: "last 36 hours", autoComplete: "off",
        spellCheck: false, maxLength: 60, onChange: (event) => setText(event.target.value) })),
      h("button", { type: "submit", className: "btn" }, "Show"));
  }

  function Fixed({ shown, zone, ask }) {
    const fine = shown.end_ms - shown.start_ms < 2 * HOUR;
    const [from, setFrom] = useState(field(shown.start_ms, zone, fine));
    const [to, setTo] = useState(field(shown.end_ms, zone, fine));
    const [error, setError] = useState("");
    const first = useRef(null);
    const show = () => {
      const start = instant(from, zone), end = instant(to, zone);
      if (start == null || end == null) setError("Fill in both times.");
      else if (end <= start) setError("The end must be after the beginning.");
      else return ask(between(start, end));
      first.current.focus();
    };
    const input = (value, set, ref) => h("input", { ref, className: "input", type: "datetime-local", step: fine ? 1 : 60, value,
      "aria-invalid": error ? "true" : undefined, "aria-describedby": error ? "range-error" : undefined,
      onChange: (event) => { set(event.target.value); setError(""); } });
    return h("form", { className: "range-form", onSubmit: submits(show), noValidate: true },
      labelled("From", input(from, setFrom, first)), labelled("To", input(to, setTo)),
      h("button", { type: "submit", className: "btn" }, "Show these times"),
      h("p", { className: "small muted" }, `Times are in ${zone}.`),
      h("p", { id: "range-error", className: "error small", role: "alert" }, error));
  }

  const SHIFTS = [["this-shift", "This shift"], ["previous-shift", "Previous shift"], ["last-night-shift", "Last night shift"]];

  function Shifts({ shown, shifts, missing, zone, ask }) {
    const today = field(shown.end_ms, zone).slice(0, 10);
    const [name, day] = (shown.range || "").includes("@") ? shown.range.split("@") : [shifts[0], today];
    const [chosen, setChosen] = useState(name);
    const [date, setDate] = useState(day);
    if (!shifts.length) return h("p", { className: "range-note small" }, missing);
    return h(Fragment, null,
      SHIFTS.map(([range, text]) => h("button", { key: range, type: "button", className: "menu-item",
        "aria-current": shown.range === range ? "true" : undefined, onClick: () => ask({ range }) }, text)),
      h("form", { className: "range-form", onSubmit: submits(() => date && ask({ range: `${chosen}@${date}` })) },
        labelled("Shift", h("select", { className: "input", value: chosen, onChange: (event) => setChosen(event.target.value) },
          shifts.map((one) => h("option", { key: one, value: one }, one)))),
        labelled("Which begins on", h("input", { className: "input", type: "date", value: date, onChange: (event) => setDate(event.target.value) })),
        h("button", { type: "submit", className: "btn" }, "Show this shift")));
  }

  /* What opens below a button. Its fields begin anew with each range that is shown. */
  function Menu({ label, current, children }) {
    return h("details", { className: "menu range-menu" },
      h("summary", { className: "control" + (current ? " chosen" : "") }, label, h(andon.Icon, { name: "chevron", size: 12 })),
      h("div", { className: "menu-body" }, children));
  }

  andon.TimeRangeControl = function TimeRangeControl(props) {
    const { id, presets, shown, back, zone, shifts, missing, setProps } = props;
    const root = useRef(null);
    const ask = (asked) => {
      root.current.querySelectorAll("details[open]").forEach((menu) => {
        menu.removeAttribute("open");
        menu.querySelector("summary").focus();
      });
      if (asked) setProps({ asked: { ...asked, at: Date.now() } });
    };
    const ready = shown != null;
    const preset = (one) => h("button", { key: one[0], type: "button", title: one[2], "aria-pressed": String(ready && shown.range === one[0]),
      onClick: () => ask({ range: one[0] }) }, one[1]);
    const step = (to, sign, name, off) => h("button", { type: "button", className: "control square", title: name, "aria-label": name,
      disabled: !ready || off, onClick: () => ask(moved(to, shown)) }, sign);
    const upToNow = ready && shown.end_ms > andon.clock.now() - MINUTE;
    const other = ready && !shown.shift && !presets.some((one) => one[0] === shown.range);
    const key = ready ? `${shown.range}/${shown.counts ? "" : shown.start_ms + "-" + shown.end_ms}` : "";
    const now = () => ask({ range: shown.shift ? "this-shift" : shown.range && !shown.shift ? shown.range : length(shown.end_ms - shown.start_ms) });
    return h("div", { id: andon.domId(id), ref: root, className: "range-bar" },
      h("div", { className: "segments", role: "group", "aria-label": "Range" }, presets.map(preset)),
      h("div", { className: "row" },
        h(Menu, { label: "Shift", current: ready && shown.shift },
          ready ? h(Shifts, { key, shown, shifts, missing, zone, ask }) : null),
        h(Menu, { label: other ? (shown.counts ? shown.words.replace(/^last /, "Last ") : "Fixed times") : "Other", current: other },
          ready ? h(Fragment, { key }, h(CountedBack, { shown, ask }), h(Fixed, { shown, zone, ask })) : null)),
      h("div", { className: "row moves", role: "group", "aria-label": "Move in time" },
        step("earlier", "‹", "Earlier", ready && shown.shift && !shown.earlier),
        step("later", "›", "Later", ready && (shown.shift ? !shown.later : upToNow)),
        h("button", { type: "button", className: "control", disabled: !ready || (upToNow && shown.counts !== false), onClick: now }, "Now"),
        step("in", "+", "Zoom in"), step("out", "−", "Zoom out"),
        back ? h("button", { type: "button", className: "control", onClick: () => ask({ back: true }) }, "Back to " + back) : null));
  };
  andon.TimeRangeControl.between = between;
})();

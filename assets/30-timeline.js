/* andon.StateTimeline: what each machine did. States differ in height and pattern as well as in colour. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, memo, useEffect } = window.React;
  const STATES = [["run", "Running"], ["micro", "Minor stop"], ["down", "Stopped"], ["changeover", "Changeover"],
    ["idle", "Idle"], ["off", "Off shift"], ["unknown", "Unknown"]];
  const WORDS = Object.fromEntries(STATES);
  const MINUTE = 60000;
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440].map((minutes) => minutes * MINUTE);

  /* Ticks stand on round local times, also in zones that are not whole hours from UTC and across clock changes:
     every quarter of an hour is asked what the clock on the wall says. */
  function ticks(start, end, zone) {
    const step = STEPS.find((size) => (end - start) / size <= 9) || STEPS[STEPS.length - 1];
    const grain = Math.min(step, 15 * MINUTE);
    const format = andon.timeFormat(zone, { hour: "2-digit", minute: "2-digit" });
    const found = [];
    for (let t = Math.ceil(start / grain) * grain; t <= end; t += grain) {
      const text = format.format(t);
      const [hours, minutes] = text.split(":").map(Number);
      if (((hours * 60 + minutes) * MINUTE) % step === 0) found.push([t, text]);
    }
    return found;
  }

  andon.timeTicks = ticks;

  const share = (t, start, end) => Math.min(100, Math.max(0, ((t - start) / (end - start)) * 100));

  function spoken(row, start, end) {
    const sums = {};
    const counts = {};
    for (const [from, to, state] of row.spans) {
      const length = Math.min(to, end) - Math.max(from, start);
      if (length <= 0) continue;
      sums[state] = (sums[state] || 0) + length;
      counts[state] = (counts[state] || 0) + 1;
    }
    const parts = STATES.filter(([state]) => sums[state]).map(([state, word]) =>
      word.toLowerCase() + " " + andon.duration(sums[state]) +
      (state === "down" || state === "micro" ? ` (${counts[state]} ${counts[state] === 1 ? "time" : "times"})` : ""));
    return `${row.key}: ${parts.join(", ") || "nothing known"}`;
  }

  function tooltip([from, to, state, text], zone) {
    const when = `${andon.clockTime(from, zone)}–${andon.clockTime(to, zone)}, ${andon.duration(to - from)}`;
    return `${WORDS[state] || state} ${when}${text ? ": " + text : ""}`;
  }

  const Row = memo(function Row({ row, start, end, known, zone }) {
    const spans = row.spans.filter((span) => span[1] > start && span[0] < end);
    const label = row.href ? h("a", { href: row.href, onClick: andon.follow }, row.key) : row.key;
    return h(React.Fragment, null,
      h("div", { className: "tl-label", title: row.key }, label),
      h("div", { className: "tl-track", role: "img", "aria-label": spoken(row, start, end) },
        h("i", { className: "tl-span unknown", style: { left: 0, width: share(known, start, end) + "%" } }),
        spans.map((span) => {
          const left = share(span[0], start, end);
          return h("i", { key: span[0], className: "tl-span " + span[2], title: tooltip(span, zone),
            style: { left: left + "%", width: share(span[1], start, end) - left + "%" } });
        })));
  });

  andon.StateLegend = memo(function StateLegend({ id }) {
    return h("ul", { id: andon.domId(id), className: "legend", "aria-label": "States" }, STATES.map(([state, word]) =>
      h("li", { key: state }, h("i", { className: "tl-key", "aria-hidden": true },
        h("i", { className: "tl-span " + state })), word)));
  });

  /* What it shows, as rows with a heading. */
  function tableOf(rows, start, end) {
    const iso = (t) => new Date(t).toISOString();
    const spans = rows.flatMap((row) => row.spans.filter((span) => span[1] > start && span[0] < end).map(([from, to, state, text]) =>
      [row.key, WORDS[state] || state, iso(Math.max(from, start)), iso(Math.min(to, end)), text || ""]));
    return [["machine", "state", "from", "to", "what"], ...spans];
  }

  andon.StateTimeline = function StateTimeline({ id, rows, start_ms: start, end_ms: end, now_ms, zone, legend }) {
    useEffect(() => andon.files.points(andon.domId(id), () => tableOf(rows || [], start, end)), [id, rows, start, end]);
    const known = now_ms == null ? end : now_ms;
    const marks = ticks(start, end, zone);
    const plant = andon.plantZone;
    const differs = plant && andon.clockTime(end, plant) !== andon.clockTime(end, zone);
    const row = (text, className) => h("div", { className, "aria-hidden": true }, marks.map(([t, here]) => {
      const left = share(t, start, end);
      const edge = left < 3 ? " first" : left > 97 ? " last" : "";
      return h("span", { key: t, className: "tl-tick" + edge, style: { left: left + "%" } }, text(t, here));
    }));
    return h("div", { id: andon.domId(id), className: "timeline" },
      legend === false ? null : h(andon.StateLegend),
      h("div", { className: "tl-grid" },
        (rows || []).map((row) => h(Row, { key: row.key, row, start, end, known, zone })),
        row((_, here) => here, "tl-ticks"),
        differs ? h("div", { className: "tl-label faint", "aria-hidden": true }, "plant") : null,
        differs ? row((t) => andon.clockTime(t, plant), "tl-ticks plant") : null));
  };
})();

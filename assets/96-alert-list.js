/* andon.AlertList: the active alerts in order of priority. Rows keep their places while somebody points at them, has chosen some or
   answers a dialog: what is new waits at the end, what is over stays and says so, until the hand is off. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, memo, useEffect, useLayoutEffect, useMemo, useRef, useState } = window.React;
  const TOUCHED_MS = 3000; // a finger has no hovering: so long after a touch rows stay where they are
  const SEVERITIES = ["critical", "high", "medium", "low"];
  const STATES = [["unanswered", "Unanswered"], ["acknowledged", "Acknowledged"]];
  const FILTERS = ["severity", "state", "line", "device", "shelved"];

  const isQuiet = (row) => row.silences.length > 0;
  const fits = (row, filters) =>
    (!filters.severity || row.severity === filters.severity) &&
    (!filters.state || (filters.state === "unanswered" ? row.word === "triggered" : row.word === "acknowledged")) &&
    (!filters.line || row.line === filters.line) &&
    (!filters.device || row.device === filters.device) &&
    (!filters.shelved || (filters.shelved === "only" ? isQuiet(row) : !isQuiet(row)));

  /* ---- What is shown: rows by id, and the order of the places. */
  function begin(rows) {
    return { byId: new Map(rows.map((row) => [row.id, row])), order: rows.map((row) => row.id), due: rows.map((row) => row.id) };
  }

  function moved(held, delta, still) {
    const byId = delta.whole ? new Map() : new Map(held.byId);
    delta.rows.forEach((row) => byId.set(row.id, row));
    const open = new Set(delta.order);
    for (const id of held.order)
      if (!open.has(id)) {
        const was = held.byId.get(id);
        if (still && was) byId.set(id, { ...was, state: "Ended", unanswered: false, can: [], ended: true });
        else byId.delete(id);
      }
    for (const id of Array.from(byId.keys())) if (!open.has(id) && !byId.get(id).ended) byId.delete(id);
    const order = still ? held.order.filter((id) => byId.has(id)).concat(delta.order.filter((id) => !held.order.includes(id))) : delta.order;
    return { byId, order, due: delta.order };
  }

  function released(held) {
    const open = new Set(held.due);
    const same = held.order.length === held.due.length && held.order.every((id, i) => id === held.due[i]);
    if (same) return held;
    return { byId: new Map(Array.from(held.byId).filter(([id]) => open.has(id))), order: held.due, due: held.due };
  }

  /* ---- One alert */
  function silence(one) {
    const until = one.until_clear ? "until clear" : one.until_ms ? "until " + andon.clockTime(one.until_ms) : "";
    return [[one.words, until].filter(Boolean).join(" "), [one.by === "system" ? "" : one.by, one.reason && `“${one.reason}”`].filter(Boolean).join(", ")]
      .filter(Boolean).join(" · ");
  }

  function State({ row }) {
    const notes = row.silences.map(silence);
    if (row.by) notes.push(`by ${row.by}${row.by_ms ? " at " + andon.clockTime(row.by_ms) : ""}`);
    if (row.level > 0) notes.push(`escalated, step ${row.level}`);
    if (row.times > 1) notes.push(`${row.times} times`);
    return h("div", { className: "ai-state" }, h("span", null, row.state),
      notes.map((note) => h("span", { key: note, className: "alert-note" }, note)));
  }

  const Row = memo(function Row({ row, chosen, choose, short }) {
    const ref = useRef(null);
    const follow = (event) => {
      if (event.target.closest("a, button, input, label") || String(window.getSelection())) return;
      andon.follow(event, ref.current);
    };
    const where = [row.device, row.device_name].filter(Boolean).join(" ");
    const value = [row.value, row.limit && "limit " + row.limit].filter(Boolean).join(" · ");
    const classes = ["alert-item", row.unanswered ? "unanswered" : "", isQuiet(row) ? "quiet" : "", row.ended ? "ended" : "", chosen ? "chosen" : ""];
    return h("li", { className: classes.filter(Boolean).join(" "), "data-alert": row.id, onClick: follow },
      choose
        ? h("label", { className: "ai-choose" }, h("input", { type: "checkbox", checked: chosen, disabled: !row.can.length,
          "aria-label": `Choose ${row.title}, ${row.device}`, onChange: () => choose(row.id) }))
        : null,
      h("span", { className: "ai-mark" }, h("span", { className: "mark " + row.severity, "aria-hidden": true }, andon.marks[row.severity]),
        h("span", { className: short ? "sr-only" : "ai-severity" }, row.severity)),
      h("div", { className: "ai-what" },
        h("a", { ref, href: row.href, className: "alert-title", onClick: andon.follow }, row.title),
        short ? h("span", { className: "alert-note" }, [row.device, row.value].filter(Boolean).join(" · ") + " · ", h(andon.Since, { at_ms: row.raised_ms }),
          row.by ? ` · acknowledged by ${row.by}` : "") : null),
      short ? null : h("div", { className: "ai-where" }, h("a", { href: row.device_href, onClick: andon.follow }, where),
        row.place ? h("span", { className: "alert-note" }, row.place) : null),
      short ? null : h("div", { className: "ai-value" }, value || "–"),
      short ? null : h("div", { className: "ai-since" }, h(andon.Since, { at_ms: row.raised_ms })),
      short ? null : h(State, { row }),
      h(andon.AlertButtons, { alert: row, quiet: Boolean(short) }));
  });

  /* ---- The tools above */
  function Choice({ name, label, value, options, change }) {
    return h("label", { className: "control filter" }, h("span", { className: "faint" }, label),
      h("select", { name, value: value || "", onChange: (event) => change(name, event.target.value) },
        h("option", { value: "" }, "All"), options.map(([key, words]) => h("option", { key, value: key }, words))));
  }

  function Tools({ rows, filters, change }) {
    const [open, setOpen] = useState(false);
    const chosen = FILTERS.filter((name) => filters[name]).length;
    const of = (name) => Array.from(new Set(rows.map((row) => row[name]).concat(filters[name] || []))).filter(Boolean).sort().map((one) => [one, one]);
    return h(window.React.Fragment, null, h("button", { type: "button", className: "control filters-open", "aria-expanded": open, "aria-controls": "alert-filters",
      onClick: () => setOpen(!open) }, "Filter" + (chosen ? ` (${chosen})` : "")),
    h("div", { id: "alert-filters", className: "alert-filters" + (open ? " open" : "") },
      h(Choice, { name: "severity", label: "Priority", value: filters.severity, change, options: SEVERITIES.map((one) => [one, one]) }),
      h(Choice, { name: "state", label: "State", value: filters.state, change, options: STATES }),
      h(Choice, { name: "line", label: "Line", value: filters.line, change, options: of("line") }),
      h(Choice, { name: "device", label: "Device", value: filters.device, change, options: of("device") }),
      h(Choice, { name: "shelved", label: "Shelved", value: filters.shelved, change, options: [["only", "Only"], ["without", "Without"]] })));
  }

  function Many({ chosen, clear }) {
    const verbs = andon.desk.useVerbs();
    const can = (verb) => chosen.filter((row) => row.can.includes(verb));
    const button = (verb, look) => {
      const rows = can(verb);
      if (!rows.length || !verbs.includes(verb)) return null;
      return h("button", { key: verb, type: "button", className: look, "data-many": verb,
        onClick: () => { andon.desk.act(verb, rows); if (verb !== "shelve") clear(); } }, `${andon.desk.WORDS[verb]} ${rows.length}`);
    };
    return h("div", { className: "alert-many", role: "group", "aria-label": "Chosen alerts" },
      h("span", { className: "small", role: "status" }, `${chosen.length} chosen`),
      button("acknowledge", "btn solid"), button("shelve", "btn"), button("reset", "btn"),
      h("button", { type: "button", className: "btn plain", onClick: clear }, "Choose none"));
  }

  function Nothing({ filtered, showAll }) {
    const [title, text] = filtered
      ? ["No alert is like that", "Open alerts are there, but none fits what is chosen above."]
      : ["Nothing out of order", "No alert is open. What was, stands in the history."];
    return h("div", { className: "empty" }, h("p", { className: "empty-title" }, title), h("p", { className: "empty-text" }, text),
      filtered ? h("div", { className: "empty-action" }, h("button", { type: "button", className: "btn", onClick: showAll }, "Show all")) : null);
  }

  const asked = (query) => Object.fromEntries(FILTERS.map((name) => [name, query[name] || ""]));

  const ofNews = ({ first }) => ({ whole: true, rows: first, order: first.map((row) => row.id) });

  andon.AlertList = function AlertList({ id, rows, delta: sent, now, short, query }) {
    const news = andon.desk.useStore(andon.desk.news);
    const delta = useMemo(() => (short ? ofNews(news) : sent), [short ? news : sent]);
    const [held, setHeld] = useState(() => begin(short ? news.first : rows));
    const [filters, setFilters] = useState(() => asked(query || {}));
    const [chosen, setChosen] = useState(() => new Set());
    const [pointed, setPointed] = useState(false);
    const verbs = andon.desk.useVerbs();
    const dialog = andon.desk.useStore(andon.desk.asking);
    const applied = useRef(null);
    const given = useRef(rows);
    const root = useRef(null);
    const touched = useRef(null);
    useMemo(() => andon.clock.sync(now), [now]);
    const still = pointed || dialog !== null || chosen.size > 0;

    useLayoutEffect(() => {
      if (short || given.current === rows) return;
      given.current = rows;
      setHeld(begin(rows));
    }, [rows]);
    useLayoutEffect(() => {
      if (!delta || applied.current === delta) return;
      applied.current = delta;
      setHeld((before) => moved(before, delta, still));
      const open = new Set(delta.order);
      setChosen((before) => (Array.from(before).every((one) => open.has(one)) ? before : new Set(Array.from(before).filter((one) => open.has(one)))));
    }, [delta]);
    useEffect(() => {
      if (!still) setHeld(released);
    }, [still]);
    useEffect(() => {
      if (short) return;
      andon.address.own({ alive: () => root.current !== null, show: (params) => setFilters(asked(Object.fromEntries(params))) });
    }, []);

    function change(name, value) {
      const next = { ...filters, [name]: value };
      setFilters(next);
      andon.address.replace({ ...Object.fromEntries(new URLSearchParams(window.location.search)), ...next });
    }
    function showAll() {
      setFilters(asked({}));
      andon.address.replace({});
    }
    function touch(event) {
      if (event.pointerType === "mouse") return;
      setPointed(true);
      window.clearTimeout(touched.current);
      touched.current = window.setTimeout(() => setPointed(false), TOUCHED_MS);
    }
    const choose = useMemo(() => (one) => setChosen((before) => {
      const next = new Set(before);
      if (!next.delete(one)) next.add(one);
      return next;
    }), []);

    const all = held.order.map((one) => held.byId.get(one)).filter(Boolean);
    const loud = all.filter((row) => !isQuiet(row));
    const shown = short ? loud.slice(0, short) : all.filter((row) => fits(row, filters));
    const [first, quiet] = [shown.filter((row) => !isQuiet(row)), shown.filter(isQuiet)];
    const mayChoose = !short && verbs.length > 0;
    const picked = all.filter((row) => chosen.has(row.id));
    const list = (some, label) => h("ul", { className: "alert-items" + (short ? " short" : "") + (mayChoose ? " choosable" : ""), "aria-label": label },
      some.map((row) => h(Row, { key: row.id, row, short, chosen: chosen.has(row.id), choose: mayChoose ? choose : null })));
    const waiting = all.filter((row) => row.unanswered).length;
    return h("div", { id: andon.domId(id), ref: root, className: "alerts", "data-still": still || undefined,
      onPointerEnter: (event) => event.pointerType === "mouse" && setPointed(true),
      onPointerLeave: (event) => event.pointerType === "mouse" && setPointed(false), onPointerDown: touch },
      short ? null : h("div", { className: "alert-tools" }, h(Tools, { rows: all, filters, change }),
        picked.length ? h(Many, { chosen: picked, clear: () => setChosen(new Set()) })
          : h("span", { className: "muted small alert-sum", role: "status" }, all.length ? `${all.length} open, ${waiting} unanswered` : "")),
      first.length ? list(first, "Active alerts") : shown.length || short ? null : h(Nothing, { filtered: all.length > 0, showAll }),
      quiet.length && !short ? h("section", { className: "quiet-alerts" }, h("h2", null, `Silent: shelved, suppressed or out of service (${quiet.length})`), list(quiet, "Silent alerts")) : null,
      short && news.all > first.length ? h("p", { className: "small muted attention-more" },
        h("a", { href: "/alerts", onClick: andon.follow }, `and ${news.all - first.length} more alerts`)) : null);
  };
})();

/* andon.DataTable and andon.DeviceTable: real tables, each one component however many cells it has. Every component that Dash
   knows costs time whenever anything on the page changes. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, memo, useEffect, useLayoutEffect, useMemo, useRef, useState } = window.React;

  /* A cell is a text, or {text, priority, href}. */
  function content(cell) {
    if (cell === null || typeof cell !== "object") return cell;
    const shape = cell.priority
      ? h(
          "span",
          { className: "mark " + cell.priority },
          h("span", { "aria-hidden": true }, andon.marks[cell.priority]),
          h("span", { className: "sr-only" }, cell.priority + ": "),
        )
      : null;
    const text = cell.href ? h("a", { href: cell.href, onClick: andon.follow }, cell.text) : cell.text;
    return h(React.Fragment, null, shape, text);
  }

  /* What a table shows, as a file. */
  function Save(props) {
    const [said, setSaid] = useState("");
    const save = async (form) => {
      setSaid("");
      try {
        await andon.files.table({ ...props, name: props.caption }, form);
      } catch (failed) {
        setSaid("The file was not made. Try again in a moment.");
      }
    };
    const button = (form) =>
      h(
        "button",
        {
          key: form, type: "button", className: "btn plain tiny", onClick: () => save(form),
          "aria-label": `Save “${props.caption}” as ${form.toUpperCase()}`,
        },
        form.toUpperCase(),
      );
    return h("div", { className: "table-files" }, h("span", { role: "status", className: "small" }, said), ["csv", "xlsx"].map(button));
  }

  andon.DataTable = memo(function DataTable({ id, caption, columns, numbers, rows, save, className }) {
    const kind = (i) => ((numbers || []).includes(i) ? "number" : undefined);
    const head =
      columns && columns.length
        ? h(
            "thead",
            null,
            h(
              "tr",
              null,
              columns.map((name, i) =>
                name ? h("th", { key: i, scope: "col", className: kind(i) }, name) : h("td", { key: i }),
              ),
            ),
          )
        : null;
    const body = (rows || []).map((row, r) =>
      h(
        "tr",
        { key: r },
        row.map((cell, i) =>
          i === 0
            ? h("th", { key: i, scope: "row" }, content(cell))
            : h("td", { key: i, className: kind(i), "data-label": (columns && columns[i]) || undefined }, content(cell)),
        ),
      ),
    );
    const table = h(
      "table",
      { id: andon.domId(id), className: "table " + (className || "") },
      caption ? h("caption", { className: "sr-only" }, caption) : null,
      head,
      h("tbody", null, body),
    );
    return save !== false && head && caption && body.length
      ? h(React.Fragment, null, table, h(Save, { caption, columns, numbers, rows }))
      : table;
  });

  /* ---- The list of devices. */
  const URGENCY = ["critical", "high", "medium", "low", "no_data", "stale", "normal"];
  const COLUMNS = [
    ["state", "State"],
    ["device", "Device"],
    ["place", "Place"],
    ["value", "Value"],
    ["age", "Age"],
  ];
  const SORTED = {
    state: (device) => URGENCY.indexOf(device.state),
    device: () => 0,
    place: (device) => device.place.toLowerCase(),
    value: (device) => device.main.value ?? -Infinity,
    age: (device) => -(device.main.at_ms ?? -Infinity),
  };
  const staleAfterMs = (main) => Math.max(30, 3 * (main.period_s || 0)) * 1000;
  const byKey = new Intl.Collator("en", { numeric: true }).compare;

  function Age({ main }) {
    const text = andon.useTick((now) => (main.at_ms == null ? "never reported" : andon.age(now - main.at_ms)));
    return h("span", null, text);
  }

  const Row = memo(function Row({ device, settings }) {
    const { main, state, state_text: word } = device;
    const stale = andon.useTick((now) => main.at_ms == null || now - main.at_ms > staleAfterMs(main));
    const priority = andon.marks[state];
    const silent = stale && !priority;
    const said =
      priority && !(word || "").toLowerCase().includes(state) ? h("span", { className: "sr-only" }, state + ": ") : null;
    return h(
      "tr",
      { className: [stale ? "stale" : "", priority ? state : ""].filter(Boolean).join(" ") || undefined },
      h(
        "td",
        { className: "dt-state" },
        h(
          "span",
          { className: "chip " + (priority ? state : "") },
          priority ? h("span", { "aria-hidden": true }, priority + " ") : null,
          said,
          silent ? "No data" : word,
        ),
      ),
      h(
        "th",
        { scope: "row", className: "dt-device" },
        h("a", { href: device.href, onClick: andon.follow }, device.key),
        device.name ? h("span", { className: "dt-name" }, device.name) : null,
      ),
      h("td", { className: "dt-place" }, device.place),
      h(
        "td",
        { className: "dt-value number" },
        h("span", { className: "dt-label" }, main.label === device.place ? "" : main.label + " "),
        h("b", null, andon.format(main.value, main.decimals)),
        main.unit ? h("span", { className: "dt-unit" }, " " + main.unit) : null,
      ),
      h("td", { className: "dt-age number" }, h(Age, { main })),
      settings
        ? h(
            "td",
            { className: "dt-settings" },
            h("a", { href: device.href + "/settings", onClick: andon.follow, "aria-label": "Settings of " + device.key }, "Settings"),
          )
        : null,
    );
  });

  const merged = (device, change) => ({
    ...device,
    ...("state" in change ? { state: change.state, state_text: change.state_text } : {}),
    main:
      "value" in change || "at_ms" in change
        ? {
            ...device.main,
            ...("value" in change ? { value: change.value } : {}),
            ...("at_ms" in change ? { at_ms: change.at_ms } : {}),
          }
        : device.main,
  });

  const found = (device, words) => {
    const text = [device.key, device.name, device.place, device.state_text, device.main.label].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  };

  /* The order is made when it is asked for and when a state changes: values that move do not move rows. */
  function ordered(devices, sort) {
    const down = sort.startsWith("-");
    const key = SORTED[sort.replace("-", "")] || SORTED.device;
    const compare = (a, b) => {
      const x = key(a),
        y = key(b);
      const first = x < y ? -1 : x > y ? 1 : 0;
      return (down ? -first : first) || (down && key === SORTED.device ? -1 : 1) * byKey(a.key, b.key);
    };
    return devices
      .slice()
      .sort(compare)
      .map((device) => device.key);
  }

  /* What is searched and how it is sorted stands in the address. */
  function remember(q, sort) {
    andon.address.replace({ ...Object.fromEntries(new URLSearchParams(window.location.search)), q, sort });
  }

  function Head({ sort, onSort, settings }) {
    const cell = ([name, text]) => {
      const now = sort === name ? "ascending" : sort === "-" + name ? "descending" : null;
      const sign = now === "ascending" ? "↑" : now === "descending" ? "↓" : "";
      return h(
        "th",
        { key: name, scope: "col", className: "dt-" + name, "aria-sort": now || undefined },
        h(
          "button",
          { type: "button", onClick: () => onSort(sort === name ? "-" + name : name) },
          text,
          h("span", { className: "dt-sign", "aria-hidden": true }, sign),
        ),
      );
    };
    return h("thead", null, h("tr", null, COLUMNS.map(cell), settings ? h("td", null) : null));
  }

  function Tools({ query, onQuery, sort, onSort, shown, all }) {
    const options = COLUMNS.flatMap(([name, text]) => [
      h("option", { key: name, value: name }, text + " ↑"),
      h("option", { key: "-" + name, value: "-" + name }, text + " ↓"),
    ]);
    return h(
      "div",
      { className: "dt-tools" },
      h(
        "label",
        { className: "dt-search" },
        h("span", { className: "sr-only" }, "Search devices"),
        h(andon.Icon, { name: "search", size: 16 }),
        h("input", {
          type: "search",
          className: "input",
          placeholder: "Search by name, place or state",
          value: query,
          onChange: (event) => onQuery(event.target.value),
        }),
      ),
      h(
        "label",
        { className: "dt-sort" },
        h("span", null, "Sort by "),
        h(
          "select",
          {
            className: "input",
            value: sort || "place-of-plant",
            onChange: (event) => onSort(event.target.value === "place-of-plant" ? "" : event.target.value),
          },
          h("option", { value: "place-of-plant" }, "Order of the plant"),
          options,
        ),
      ),
      h(
        "span",
        { className: "muted small", role: "status" },
        shown === all ? `${all} devices` : `${shown} of ${all} devices`,
      ),
    );
  }

  andon.DeviceTable = function DeviceTable({ id, devices, delta, now, query: asked, sort: wanted, settings }) {
    const [query, setQuery] = useState(asked || "");
    const [sort, setSort] = useState(wanted || "");
    const [held, setHeld] = useState({ list: devices, byKey: new Map(devices.map((device) => [device.key, device])) });
    const applied = useRef(null);
    const root = useRef(null);
    useEffect(() => {
      if (!devices.length) return;
      andon.address.own({
        alive: () => root.current !== null,
        show: (params) => {
          setQuery(params.get("q") || "");
          setSort(params.get("sort") || "");
        },
      });
    }, []);
    useMemo(() => andon.clock.sync(now), [now]);
    if (held.list !== devices) setHeld({ list: devices, byKey: new Map(devices.map((device) => [device.key, device])) });
    useLayoutEffect(() => {
      if (!delta || applied.current === delta) return;
      applied.current = delta;
      andon.clock.sync(delta.now_ms);
      const next = new Map(held.byKey);
      for (const [key, change] of Object.entries(delta.devices))
        if (next.has(key)) next.set(key, merged(next.get(key), change));
      setHeld({ list: held.list, byKey: next });
    }, [delta]);
    const all = Array.from(held.byKey.values());
    const states = all.map((device) => device.state).join();
    const keys = useMemo(() => (sort ? ordered(all, sort) : all.map((device) => device.key)), [sort, states, held.list]);
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = keys.map((key) => held.byKey.get(key)).filter((device) => device && found(device, words));
    const ask = (nextQuery, nextSort) => {
      setQuery(nextQuery);
      setSort(nextSort);
      remember(nextQuery, nextSort);
    };
    return h(
      "div",
      { id: andon.domId(id), ref: root, className: "dt" },
      h(Tools, {
        query,
        sort,
        shown: shown.length,
        all: all.length,
        onQuery: (text) => ask(text, sort),
        onSort: (name) => ask(query, name),
      }),
      shown.length
        ? h(
            "table",
            { className: "table device-table" },
            h("caption", { className: "sr-only" }, "Devices"),
            h(Head, { sort, settings, onSort: (name) => ask(query, name) }),
            h(
              "tbody",
              null,
              shown.map((device) => h(Row, { key: device.key, device, settings })),
            ),
          )
        : h(
            "div",
            { className: "empty" },
            h("p", { className: "empty-title" }, "No device is like that"),
            h("p", { className: "empty-text" }, `Nothing matches “${query}”.`),
            h(
              "div",
              { className: "empty-action" },
              h("button", { type: "button", className: "btn", onClick: () => ask("", sort) }, "Show all"),
            ),
          ),
    );
  };
})();

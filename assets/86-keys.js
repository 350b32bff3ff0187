/* Shortcuts, the list of them (andon.Shortcuts), and the clock that says whose time is shown (andon.Clock).

   Ctrl+K opens the palette anywhere. Keys without a modifier can be switched off by each person (WCAG 2.1.4), and never act while
   something is typed or a dialog is open. What they do stands on the page: a link with data-shortcut is reached by g and its letter. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, useEffect, useLayoutEffect, useRef, useState } = window.React;
  const SECOND_KEY_MS = 1500;
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const shell = () => document.getElementById("shell");

  /* ---- Moving, and doing */

  andon.go = function (href) {
    andon.address.go(href);
    window.scrollTo(0, 0);
  };

  /* A link into a page that is being drawn: the place in it is shown once it is there. */
  andon.showAnchor = function (name, until) {
    const target = document.getElementById(decodeURIComponent(name));
    if (target) target.scrollIntoView();
    else if (Date.now() < until) window.setTimeout(() => andon.showAnchor(name, until), 50);
  };

  andon.signIn = function () {
    if (document.documentElement.hasAttribute("data-kiosk")) return window.location.replace("/kiosk"); // its link was revoked
    const here = window.location.pathname + window.location.search;
    window.location.assign("/sign-in?next=" + encodeURIComponent(here));
  };

  const press = (element) => element && element.click();

  function search() {
    const field = [...document.querySelectorAll("main input[type=search]")].find((one) => one.offsetParent);
    if (field) field.focus();
    else andon.openPalette();
  }

  const RUNS = {
    palette: () => andon.openPalette(),
    search,
    theme: () => andon.theme.toggle(),
    pause: () => press(document.querySelector("[data-live]") && document.getElementById("shell-pause")),
    "sign-out": () => document.querySelector('form[action="/sign-out"]').requestSubmit(),
    shortcuts: () => andon.openShortcuts(),
    help: () => andon.help.toggle(),
  };

  /* `plant:3` moves to another plant by its button in the account menu. */
  andon.run = function (name) {
    if (name.startsWith("plant:")) {
      const id = andon.domId({ type: "shell-plant", tenant: Number(name.slice(6)), place: "menu" });
      press(document.getElementById(id));
    } else if (RUNS[name]) RUNS[name]();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("[data-run]");
    if (button) andon.run(button.dataset.run);
  });

  /* ---- Keys */

  const TYPING = "input:not([type=checkbox]):not([type=radio]):not([type=button]):not([type=submit]), textarea, select, [contenteditable]," +
    " [role=textbox], [role=combobox], [role=listbox], [role=menu], [role=spinbutton], [role=slider]";
  const SINGLE = { "?": "shortcuts", "/": "search", p: "pause", t: "theme", h: "help" };
  let prefixMs = 0; // when g was pressed

  function byLetter(letter) {
    const link = document.querySelector(`a[data-shortcut="${CSS.escape(letter)}"]`);
    if (link) andon.go(link.getAttribute("href"));
    return Boolean(link);
  }

  function single(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return false;
    if (shell()?.dataset.shortcuts === "off" || event.target.closest?.(TYPING)) return false;
    if (document.querySelector("dialog[open], .modal.show, .offcanvas.show")) return false;
    const key = event.key.length === 1 ? event.key.toLowerCase() : "";
    const second = Date.now() - prefixMs < SECOND_KEY_MS;
    prefixMs = 0;
    if (second && byLetter(key)) return true;
    if (key === "g") {
      prefixMs = Date.now();
      return true;
    }
    if (!SINGLE[key]) return false;
    andon.run(SINGLE[key]);
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || !shell()) return;
    const opens = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    if (opens && andon.openPalette) andon.openPalette();
    if (opens || single(event)) event.preventDefault();
  });

  /* A dialog that is closed keeps the focus until the next picture is drawn, so that a key pressed at once was typed into its field. */
  document.addEventListener("close", (event) => {
    if (event.target.contains(document.activeElement)) document.activeElement.blur();
  }, true);

  /* ---- The list of them */

  andon.Shortcuts = function Shortcuts({ id, groups }) {
    const [isOpen, setOpen] = useState(false);
    const dialog = useRef();
    useLayoutEffect(() => { // there as soon as the page is
      andon.openShortcuts = () => setOpen(true);
    }, []);
    useEffect(() => {
      if (isOpen && !dialog.current.open) dialog.current.showModal();
    }, [isOpen]);
    const off = isOpen && shell()?.dataset.shortcuts === "off";
    const keys = (text) => text.split(" ").map((key, at) => h(window.React.Fragment, { key: at }, at ? " " : null, h("kbd", null, key)));
    return h("dialog", { ref: dialog, id: andon.domId(id), className: "shortcuts", "aria-labelledby": "shortcuts-title", onClose: () => setOpen(false),
      onClick: (event) => event.target === dialog.current && dialog.current.close() },
      h("div", { className: "dialog-head" }, h("h2", { id: "shortcuts-title" }, "Keyboard shortcuts"),
        h("button", { type: "button", className: "btn-close", "aria-label": "Close", autoFocus: true, onClick: () => dialog.current.close() })),
      (groups || []).map(([title, rows]) => h("section", { key: title }, h("h3", null, title),
        h("dl", { className: "keys" }, rows.map(([words, text]) => h("div", { key: words }, h("dt", null, words), h("dd", null, keys(text))))))),
      h("p", { className: "shortcuts-note small muted" }, off ? "You have switched off the keys without Ctrl. " : "Keys without Ctrl can be switched off. ",
        h("a", { href: "/preferences", "data-inside": "true", onClick: () => dialog.current.close() }, "Preferences")));
  };

  /* ---- Help beside the page */

  let opener = null;
  let asked = 0;
  let anchor = "";
  const LOADING = { namespace: "dash_html_components", type: "Div",
    props: { className: "skeleton help-waiting", role: "status", "aria-label": "Loading" } };
  const panel = () => document.getElementById("shell-help");

  function openHelp(topic = "", at = "") {
    if (panel().hidden) opener = document.activeElement;
    anchor = at;
    set("shell-help", { hidden: false });
    if (!document.querySelector(".help-panel-body > *")) set("shell-help-body", { children: LOADING });
    set("shell-help-topic", { data: { path: window.location.pathname, topic, asked: ++asked } });
    document.getElementById("shell-help-button").setAttribute("aria-expanded", "true");
    window.setTimeout(() => document.getElementById("shell-help-title").focus({ preventScroll: true }));
  }

  function closeHelp() {
    if (!panel() || panel().hidden) return false;
    set("shell-help", { hidden: true });
    document.getElementById("shell-help-button").setAttribute("aria-expanded", "false");
    const seen = opener && opener.isConnected && opener.checkVisibility();
    (seen ? opener : document.getElementById("shell-more")).focus(); // on a phone it was opened from behind More
    return true;
  }

  andon.help = {
    open: openHelp,
    close: closeHelp,
    toggle: () => closeHelp() || openHelp(),
    follow: () => panel() && !panel().hidden && set("shell-help-topic", { data: { path: window.location.pathname, topic: "", asked: ++asked } }),
    shown: () => {
      const target = anchor && document.getElementById("panel-" + anchor);
      if (target) target.scrollIntoView();
      else document.querySelector(".help-panel-body").scrollTop = 0;
      anchor = "";
      return window.dash_clientside.no_update;
    },
  };

  /* In the panel one stays in the panel. */
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('.help-panel-body a[href^="/help/"], .help-panel-body a[href^="#panel-"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const [path, at] = link.getAttribute("href").split("#");
    if (!path) document.getElementById(at).scrollIntoView();
    else openHelp(path.slice("/help/".length), at || "");
  }, true);

  /* ---- Whose time it is */

  const place = (zone) => zone.split("/").pop().replace(/_/g, " ");

  andon.Clock = function Clock({ id }) {
    const here = andon.viewerZone;
    const plant = andon.plantZone || here;
    const text = andon.useTick((now) => {
      const mine = `${andon.clockTime(now, here)} ${place(here)}`;
      const there = andon.clockTime(now, plant);
      return there === andon.clockTime(now, here) ? mine : `${mine} · plant ${there} ${place(plant)}`;
    });
    return h("a", { id: andon.domId(id), className: "clock", href: "/preferences", "data-inside": "true",
      title: `Times are those of ${here}; the plant is in ${plant}. Change it.` }, text);
  };
})();

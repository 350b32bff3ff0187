/* andon_shell: the tick that live pages follow, the state of the connection, and what moves inside the app.

   Dash asks for what changed by `fetch`. Here each such question is watched: none is asked while the last one is under way, a
   failed one leaves the page as it is and is tried again, and an expired session leads to the sign-in. */
(function () {
  "use strict";
  const andon = window.andon;
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const CALLBACK = "_dash-update-component";
  const POLL = /"changedPropIds":\["shell-(alerts-)?pulse\.data"\]/;
  const GIVE_UP_MS = 15000; // a question that hangs must not keep the next ones back
  const SLOWEST_MS = 3000; // between two tries while the server is away
  const NOT_MODIFIED = { status: 204 };

  const BELL = "shell-alerts-held";
  const ALERTS = "Andon-Alerts";
  let asking = 0; // questions of the tick that are under way
  let failures = 0;
  let triedMs = 0;
  let plant = null;
  let bellHas = null; // the state of the alerts that the bell shows, as answers name it
  let leaving = false;

  const show = (id, props) => clientside.set_props && clientside.set_props(id, props);
  const tick = () => show("shell-pulse", { data: Date.now() });
  const live = () => document.querySelector("[data-live]") !== null;
  const asksEachTick = () => document.querySelector('[data-live="true"]') !== null; // others look once a minute: the bell keeps in touch

  /* ---- The connection */

  function answered(response) {
    const serverMs = Number(response.headers.get("Andon-Time")) || andon.clock.now();
    failures = 0;
    andon.keptMs = null;
    show("shell-live", { server_ms: serverMs, connected: true, fault: false });
    const now = response.headers.get("Andon-Plant");
    if (now && plant && now !== plant) leave(() => window.location.reload()); // another tab looks into another plant
    plant = now || plant;
    const hasBell = document.querySelector(".alert-desk") !== null; // a wall screen has none
    if (hasBell && response.headers.get(ALERTS) !== bellHas && asksEachTick()) window.setTimeout(() => show("shell-alerts-pulse", { data: Date.now() }));
  }

  /* What the bell holds after an answer: the answer's, or what it asked with where nothing was new. */
  function heldBy(asked, body) {
    const told = body && JSON.parse(body).response[BELL];
    const held = told ? told.data : JSON.parse(asked).state.find((one) => one.id === BELL)?.value;
    return held ? held.join(".") : null;
  }

  function failed(response) {
    failures += 1;
    if (failures < 2) return; // one slip says nothing yet
    const fault = response && response.status === 500;
    show("shell-live", { connected: false, fault: Boolean(fault) });
    if (fault && failures === 2) andon.problemOf(response).then((problem) =>
      show("shell-problem", { problem: { ...problem, what: "Live values cannot be brought up to date", todo: "Andon goes on trying. " + problem.todo } }));
  }

  function leave(how) {
    if (leaving) return new Promise(() => {});
    leaving = true;
    how();
    return new Promise(() => {}); // Dash need not hear of it: the page is going
  }

  async function poll(ask, resource, options) {
    const control = new AbortController();
    const timer = window.setTimeout(() => control.abort(), GIVE_UP_MS);
    const aside = options.body.includes(BELL) && asksEachTick(); // the bell says nothing of how old the page's values are
    asking += 1;
    triedMs = Date.now();
    try {
      const response = await ask(resource, { ...options, signal: control.signal });
      if (response.status === 401) return leave(andon.signIn);
      if (!response.ok) {
        if (!aside) failed(response);
        return new Response(null, NOT_MODIFIED);
      }
      const body = response.status === 204 ? null : await response.text(); // a break in the middle is a failure, too
      if (options.body.includes(BELL)) bellHas = heldBy(options.body, body);
      if (!aside) answered(response);
      return new Response(body, { status: response.status, headers: response.headers });
    } catch (error) {
      if (!aside) failed();
      return new Response(null, NOT_MODIFIED); // what is on the screen stays
    } finally {
      window.clearTimeout(timer);
      asking -= 1;
    }
  }

  /* What is asked besides the tick: a failure is said on the page, and what stands there stays. */
  async function other(ask, resource, options) {
    const response = await ask(resource, options).catch(() => null);
    if (response && response.status === 401) return leave(andon.signIn);
    const kept = response && Number(response.headers.get("Andon-Kept"));
    if (kept) {
      andon.keptMs = kept; // the worker's answer: the page as it was when there was a network
      failures = 2;
      window.setTimeout(() => show("shell-live", { server_ms: kept, connected: false }), 500);
    }
    if (response && (response.ok || !resource.includes(CALLBACK))) return response;
    if (!resource.includes(CALLBACK)) throw new TypeError("no answer");
    if (!leaving) andon.sayFailure(options.body, response);
    return new Response(null, NOT_MODIFIED);
  }
  window.addEventListener("pagehide", () => (leaving = true)); // what is broken off now is no failure
  window.addEventListener("pageshow", (event) => (leaving = leaving && !event.persisted));

  const fetch = window.fetch.bind(window);
  window.fetch = function (resource, options) {
    if (typeof resource !== "string" || !resource.includes("/_dash-")) return fetch(resource, options);
    const isPoll = resource.includes(CALLBACK) && typeof options.body === "string" && POLL.test(options.body);
    return isPoll ? poll(fetch, resource, options) : other(fetch, resource, options);
  };

  /* ---- The tick */

  const pauseMs = () => (failures > 1 ? Math.min(SLOWEST_MS, 500 * 2 ** failures) : 0);

  function pulse(_, paused) {
    const due = !document.hidden && !paused && !leaving && asking === 0 && live() && Date.now() - triedMs >= pauseMs();
    return due ? Date.now() : clientside.no_update;
  }

  /* Alerts are told of on every page, and while live values are paused; where there is a tick its answer says when to ask for them. */
  const ticking = () => asksEachTick() && document.getElementById("shell-pause")?.getAttribute("aria-pressed") !== "true";
  const alertsPulse = () =>
    !document.hidden && !leaving && asking === 0 && !ticking() && Date.now() - triedMs >= pauseMs() ? Date.now() : clientside.no_update;

  document.addEventListener("visibilitychange", () => {
    const paused = document.getElementById("shell-pause")?.getAttribute("aria-pressed") === "true";
    if (!document.hidden && !paused && asking === 0 && live()) tick();
  });
  window.addEventListener("online", () => (triedMs = 0));

  function pause(_, paused) {
    if (paused) window.setTimeout(tick);
    return !paused;
  }

  function showPaused(paused) {
    show("shell-pause", { "aria-pressed": String(Boolean(paused)) });
    show("shell-pause-word", { children: paused ? "Resume" : "Pause" });
    return Boolean(paused);
  }

  /* ---- Where we are */

  let shownPath = window.location.pathname; // whoever moves before Dash has drawn the page moves, too

  function showHere(path) {
    const within = (entry) => path === entry || (entry !== "/" && path.startsWith(entry + "/"));
    document.querySelectorAll(".nav-link, .bottom-bar a").forEach((link) => {
      if (within(link.getAttribute("href"))) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
    arriving = shownPath !== path;
    shownPath = path;
    if (arriving) {
      leftFrom = document.activeElement;
      closeAll();
      andon.help.follow();
    }
    return clientside.no_update;
  }

  let arriving = false;
  let leftFrom = null; // what had the focus then

  /* Whoever moves inside the app hears where they are: the focus goes to the heading, once it says so. */
  function showTitle(page) {
    if (!page || !page.title) return clientside.no_update;
    if (arriving) window.setTimeout(() => {
      const at = document.activeElement; // whoever is already at something else is left there
      if (!at || at === document.body || at === leftFrom) document.getElementById("shell-title").focus({ preventScroll: true });
    });
    if (arriving && window.location.hash) andon.showAnchor(window.location.hash.slice(1), Date.now() + 3000);
    arriving = false;
    return page.title.replace(/ · Andon$/, "");
  }

  /* Which button of a list was pressed. A list that is drawn anew then takes no answer from who waits for one. */
  function pressed() {
    const { prop_id: prop, value } = (clientside.callback_context.triggered || []).find((one) => one.value) || {};
    return value ? { ...JSON.parse(prop.slice(0, prop.lastIndexOf("."))), at: Date.now() } : clientside.no_update;
  }

  /* ---- Menus: a <details> of the header, and on a phone the navigation behind More. */

  function open(button, isOpen) {
    button.setAttribute("aria-expanded", String(isOpen));
    document.getElementById(button.dataset.opens).classList.toggle("open", isOpen);
    document.body.classList.toggle("covered", isOpen);
  }

  function closeAll(except) {
    let closed = null;
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      if (menu.contains(except)) return;
      menu.removeAttribute("open");
      closed = menu.querySelector("summary");
    });
    document.querySelectorAll('[data-opens][aria-expanded="true"]').forEach((button) => {
      const target = document.getElementById(button.dataset.opens);
      if (button.contains(except) || target.contains(except)) return;
      open(button, false);
      closed = button;
    });
    return closed;
  }

  function dismiss(button) {
    const year = 365 * 24 * 3600;
    document.cookie = `${button.dataset.cookie}; Path=/; Max-Age=${year}; SameSite=Lax`;
    button.parentElement.hidden = true;
  }

  document.addEventListener("click", (event) => {
    closeAll(event.target);
    const button = event.target.closest("[data-opens], [data-cookie]");
    if (button && button.dataset.opens) open(button, button.getAttribute("aria-expanded") !== "true");
    if (button && button.dataset.cookie) dismiss(button);
    if (event.target.closest('.app-nav [data-run="help"]')) closeAll();
    const link = event.target.closest("a[data-inside]");
    if (link && event.button === 0) follow(event, link);
  });

  function follow(event, link) {
    andon.follow(event, link);
    if (event.defaultPrevented) closeAll();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (document.querySelector("dialog[open], .modal.show")) return;
    const closed = closeAll();
    if (closed) closed.focus();
    else andon.help.close();
  });

  clientside.andon_shell = { pulse, alerts_pulse: alertsPulse, pause, show_paused: showPaused, show_here: showHere, show_title: showTitle,
    show_help: andon.help.shown, pressed };
})();

/* andon_shell: the tick that live pages follow, the state of the connection, and what moves inside the app.

   Dash asks for what changed by `fetch`. Here each such question is watched: none is asked while the last one is under way, a
   failed one leaves the page as it is and is tried again, and an expired session leads to the sign-in. */
(function () {
  "use strict";
  const andon = window.andon;
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const CALLBACK = "_dash-update-component";
  const POLL = '"changedPropIds":["shell-pulse.data"]';
  const GIVE_UP_MS = 15000; // a question that hangs must not keep the next ones back
  const SLOWEST_MS = 3000; // between two tries while the server is away
  const NOT_MODIFIED = { status: 204 };

  let asking = 0; // questions of the tick that are under way
  let failures = 0;
  let triedMs = 0;
  let plant = null;
  let leaving = false;

  const show = (id, props) => clientside.set_props && clientside.set_props(id, props);
  const tick = () => show("shell-pulse", { data: Date.now() });
  const live = () => document.querySelector("[data-live]") !== null;

  /* ---- The connection */

  function answered(response) {
    const serverMs = Number(response.headers.get("Andon-Time")) || andon.clock.now();
    failures = 0;
    show("shell-live", { server_ms: serverMs, connected: true });
    const now = response.headers.get("Andon-Plant");
    if (now && plant && now !== plant) leave(() => window.location.reload()); // another tab looks into another plant
    plant = now || plant;
  }

  function failed() {
    failures += 1;
    if (failures > 1) show("shell-live", { connected: false }); // one slip says nothing yet
  }

  function leave(how) {
    if (leaving) return new Promise(() => {});
    leaving = true;
    how();
    return new Promise(() => {}); // Dash need not hear of it: the page is going
  }

  function signIn() {
    const here = window.location.pathname + window.location.search;
    window.location.assign("/sign-in?next=" + encodeURIComponent(here));
  }

  async function poll(ask, resource, options) {
    const control = new AbortController();
    const timer = window.setTimeout(() => control.abort(), GIVE_UP_MS);
    asking += 1;
    triedMs = Date.now();
    try {
      const response = await ask(resource, { ...options, signal: control.signal });
      if (response.status === 401) return leave(signIn);
      if (!response.ok) throw new Error("status " + response.status);
      const body = response.status === 204 ? null : await response.text(); // a break in the middle is a failure, too
      answered(response);
      return new Response(body, { status: response.status, headers: response.headers });
    } catch (error) {
      failed();
      return new Response(null, NOT_MODIFIED); // what is on the screen stays
    } finally {
      window.clearTimeout(timer);
      asking -= 1;
    }
  }

  async function other(ask, resource, options) {
    const response = await ask(resource, options);
    if (response.status === 401) return leave(signIn);
    return response;
  }

  const fetch = window.fetch.bind(window);
  window.fetch = function (resource, options) {
    if (typeof resource !== "string" || !resource.includes("/_dash-")) return fetch(resource, options);
    const isPoll = resource.includes(CALLBACK) && typeof options.body === "string" && options.body.includes(POLL);
    return isPoll ? poll(fetch, resource, options) : other(fetch, resource, options);
  };

  /* ---- The tick */

  const pauseMs = () => (failures > 1 ? Math.min(SLOWEST_MS, 500 * 2 ** failures) : 0);

  function pulse(_, paused) {
    const due = !document.hidden && !paused && !leaving && asking === 0 && live() && Date.now() - triedMs >= pauseMs();
    return due ? Date.now() : clientside.no_update;
  }

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

  let shownPath = null;

  function showHere(path) {
    const within = (entry) => path === entry || (entry !== "/" && path.startsWith(entry + "/"));
    document.querySelectorAll(".nav-link, .bottom-bar a").forEach((link) => {
      if (within(link.getAttribute("href"))) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
    if (shownPath !== null && shownPath !== path) document.getElementById("_pages_content").focus({ preventScroll: true });
    shownPath = path;
    closeAll();
    return clientside.no_update;
  }

  const showTitle = (page) => (page && page.title ? page.title.replace(/ · Andon$/, "") : clientside.no_update);

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
    const link = event.target.closest("a[data-inside]");
    if (link && event.button === 0) follow(event, link);
  });

  function follow(event, link) {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (link.href !== window.location.href) {
      window.history.pushState({}, "", link.getAttribute("href"));
      window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    }
    closeAll();
    window.scrollTo(0, 0);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const closed = closeAll();
    if (closed) closed.focus();
  });

  clientside.andon_shell = { pulse, pause, show_paused: showPaused, show_here: showHere, show_title: showTitle };
})();

/* The frame of a wall screen: rotation, clock, the word about the connection, and what keeps it running for weeks.

   Everything that repeats counts its own ticks of a second, and nothing is asked for while the screen is hidden. What reloads the page
   asks the server first: a browser that loads while the server is away shows its own error, and stays there. */
(function () {
  "use strict";
  const andon = window.andon;
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const { createElement: h, useEffect, useLayoutEffect, useMemo, useRef, useState } = window.React;
  const ROOT = "/kiosk/screen/";
  const ROUTER = ".._pages_content.children..._pages_store.data..";
  const EARLY_S = 4; // before its turn the next page is asked for
  const AGAIN_S = 3; // where that failed
  const STALE_PAGE_MS = 20000; // what was fetched early and not shown by then is fetched again
  const LOST_AFTER_MS = 5000;
  const BEAT_S = 2; // on a page that asks for nothing by itself
  const DRAWN_MS = 2500; // the longest that the page before is held while the next one is drawn
  const RELOAD_AFTER_S = 20 * 3600, RELOAD_HOUR = 3; // once a night, from three o'clock at the plant
  const MOST_HEAP = 300e6, MOST_NODES = 60000, LOOK_EVERY_S = 60, AT_MOST_EVERY_S = 600;
  const POINTING_MS = 3000;

  if (!document.documentElement.hasAttribute("data-kiosk")) return;

  /* ---- What the server answers: its version, and a page that was asked for early */

  const known = { build: null, changed: false };
  let early = null; // {key, text, at} of the page that comes next

  const keyOf = (place) => place.pathname + place.search;

  function routerBody(place) {
    const input = (property) => ({ id: "_pages_location", property, value: place[property] });
    return JSON.stringify({
      output: ROUTER,
      outputs: [{ id: "_pages_content", property: "children" }, { id: "_pages_store", property: "data" }],
      inputs: [input("pathname"), input("search")],
      changedPropIds: ["_pages_location.pathname", "_pages_location.search"],
      parsedChangedPropsIds: ["_pages_location.pathname", "_pages_location.search"],
    });
  }

  function heard(response) {
    const build = response.headers.get("Andon-Build");
    if (build && known.build && build !== known.build) known.changed = true;
    return response;
  }

  const ask = window.fetch.bind(window); // the shell's: it watches the connection and an ended session
  window.fetch = function (resource, options) {
    const body = options && options.body;
    if (early && typeof body === "string" && body.includes(ROUTER)) {
      const wanted = JSON.parse(body).inputs.map((input) => input.value).join("");
      if (wanted === early.key) {
        const { text } = early;
        early = null;
        return Promise.resolve(new Response(text, { status: 200, headers: { "Content-Type": "application/json" } }));
      }
    }
    return ask(resource, options).then(heard);
  };

  async function fetchEarly(place) {
    try {
      const answer = await window.fetch(ROOT + "_dash-update-component", {
        method: "POST", headers: { "Content-Type": "application/json" }, body: routerBody(place), credentials: "same-origin" });
      if (answer.status === 200) early = { key: keyOf(place), text: await answer.text(), at: Date.now() };
    } catch (away) {
      /* the page that is shown stays; the status says that it is old */
    }
  }

  async function beat() {
    try {
      const answer = await ask("/kiosk/beat", { cache: "no-store" });
      if (answer.status === 401) return window.location.replace("/kiosk");
      if (!answer.ok) throw new Error("status " + answer.status);
      heard(answer);
      clientside.set_props("shell-live", { server_ms: Number(answer.headers.get("Andon-Time")), connected: true });
    } catch (away) {
      clientside.set_props("shell-live", { connected: false });
    }
  }

  /* ---- Loading anew */

  const up = { ticks: 0, loading: false };

  async function loadAnew() {
    if (up.loading) return;
    up.loading = true;
    try {
      const answer = await ask(ROOT, { cache: "no-store", headers: { Accept: "text/html" } });
      if (answer.ok) return window.location.reload();
    } catch (away) {
      /* asked again in a while */
    }
    up.loading = false;
  }

  function tooLarge() {
    const memory = window.performance.memory; // Chromium's; the count of nodes works everywhere
    return (memory && memory.usedJSHeapSize > MOST_HEAP) || document.getElementsByTagName("*").length > MOST_NODES;
  }

  /* Screens of one plant do not all load at the same moment. */
  const minute = Math.floor(Math.random() * 50);

  function night(zone) {
    const [hour, minutes] = andon.clockTime(andon.clock.now(), zone).split(":").map(Number);
    return up.ticks > RELOAD_AFTER_S && hour === RELOAD_HOUR && minutes >= minute;
  }

  function lookAfter(zone) {
    const looking = up.ticks % LOOK_EVERY_S === 0;
    const due = known.changed ? up.ticks % AGAIN_S === 0 : looking && (night(zone) || (up.ticks > AT_MOST_EVERY_S && tooLarge()));
    if (due) loadAnew();
  }

  /* ---- The rotation */

  const still = window.matchMedia("(prefers-reduced-motion: reduce)");

  /* Settled: the new page is in the document, and nothing in it is still a grey place. */
  function drawn(change) {
    return new Promise((done) => {
      const content = document.getElementById("_pages_content");
      let timer = null;
      const finish = () => {
        watch.disconnect();
        window.clearTimeout(timer);
        window.clearTimeout(limit);
        done();
      };
      const settle = () => (content.querySelector(".skeleton") ? null : finish());
      const watch = new MutationObserver(() => {
        window.clearTimeout(timer);
        timer = window.setTimeout(settle, 60);
      });
      const limit = window.setTimeout(finish, DRAWN_MS);
      watch.observe(content, { childList: true, subtree: true });
      change();
    });
  }

  function move(change) {
    const turned = () => {
      window.scrollTo(0, 0);
      return drawn(change);
    };
    if (still.matches || !document.startViewTransition) return turned();
    const turn = document.startViewTransition(turned);
    [turn.ready, turn.finished, turn.updateCallbackDone].forEach((part) => part.catch(() => null)); // hidden meanwhile: it is there all the same
    return turn.updateCallbackDone;
  }

  /* A page that is longer than the screen is shown a screenful after the other within its time. */
  function scroll(shownS, pageS) {
    const whole = document.documentElement.scrollHeight, part = window.innerHeight;
    const parts = Math.min(5, Math.ceil((whole - 8) / part));
    if (parts < 2) return;
    const at = Math.min(parts - 1, Math.floor((shownS % pageS) / (pageS / parts)));
    const top = Math.min(whole - part, at * part);
    if (Math.abs(window.scrollY - top) > 1) window.scrollTo(0, top);
  }

  function makeRotation(pages, pageS, zone, show) {
    const state = { at: 0, shownS: 0, busy: false, askedS: -AGAIN_S };
    const next = () => (state.at + 1) % pages.length;

    async function turn() {
      state.busy = true;
      const at = next();
      await move(() => show(pages[at], at));
      state.at = at;
      state.shownS = 0;
      state.askedS = -AGAIN_S;
      state.busy = false;
    }

    function step() {
      if (document.hidden || up.loading) return;
      up.ticks += 1;
      state.shownS += 1;
      lookAfter(zone);
      if (!document.querySelector('[data-live="true"]') && up.ticks % BEAT_S === 0) beat();
      if (state.busy) return;
      scroll(state.shownS, pageS);
      if (pages.length < 2) return;
      if (early && (early.key !== keyOf(pages[next()]) || Date.now() - early.at > STALE_PAGE_MS)) early = null;
      const due = state.shownS >= pageS;
      if (early && due) turn();
      else if (!early && state.shownS >= pageS - EARLY_S && state.shownS - state.askedS >= AGAIN_S) {
        state.askedS = state.shownS;
        fetchEarly(pages[next()]);
      }
    }
    return { step };
  }

  andon.WallRotation = function WallRotation({ id, pages, page_s: pageS, build, zone, setProps }) {
    const [at, setAt] = useState(0);
    useEffect(() => {
      known.build = build;
      const show = (place, index) => {
        setAt(index);
        setProps({ pathname: place.pathname, search: place.search });
      };
      const rotation = makeRotation(pages, pageS, zone, show);
      const timer = window.setInterval(rotation.step, 1000);
      return () => window.clearInterval(timer);
    }, []);
    if (pages.length < 2) return h("span", { id: andon.domId(id), className: "wall-dots" });
    return h("span", { id: andon.domId(id), className: "wall-dots", role: "img", "aria-label": `Page ${at + 1} of ${pages.length}` },
      pages.map((page, index) => h("i", { key: index, className: index === at ? "here" : "" })));
  };

  /* ---- The connection, loudly */

  andon.WallStatus = function WallStatus({ id, server_ms: serverMs, connected, zone }) {
    useMemo(() => andon.clock.sync(serverMs), [serverMs]);
    const lost = andon.useTick(() => andon.connectionState({ connected, server_ms: serverMs, lost_after_ms: LOST_AFTER_MS }) !== "live");
    const since = useRef("");
    if (!lost) since.current = andon.clockTime(serverMs, zone);
    useLayoutEffect(() => {
      document.documentElement.toggleAttribute("data-lost", lost);
    }, [lost]);
    const words = lost ? `No connection since ${since.current} – values are old` : "Live";
    return h("div", { id: andon.domId(id), className: lost ? "wall-lost" : "live", role: lost ? "alert" : "status" },
      h("i", { "aria-hidden": true }), h("span", null, words));
  };

  andon.WallClock = function WallClock({ id, zone }) {
    const time = andon.useTick((now) => andon.clockTime(now, zone));
    const day = andon.useTick((now) => andon.timeFormat(zone, { weekday: "short", day: "numeric", month: "short" }).format(now));
    return h("div", { id: andon.domId(id), className: "wall-clock" }, h("span", null, day), h("b", null, time));
  };

  /* ---- Awake, and nothing to press */

  async function stayAwake() {
    if (document.hidden || !navigator.wakeLock) return;
    try {
      await navigator.wakeLock.request("screen");
    } catch (refused) {
      /* the operating system's power settings decide then */
    }
  }

  document.addEventListener("visibilitychange", stayAwake);
  stayAwake();

  let pointing = null;
  document.addEventListener("mousemove", () => {
    document.documentElement.classList.add("pointing");
    window.clearTimeout(pointing);
    pointing = window.setTimeout(() => document.documentElement.classList.remove("pointing"), POINTING_MS);
  });
  const nothing = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  for (const kind of ["click", "auxclick", "dblclick", "contextmenu", "submit", "dragstart"]) document.addEventListener(kind, nothing, true);
  document.addEventListener("keydown", (event) => {
    const browsers = /^F\d+$/.test(event.key) || (event.ctrlKey && /^[r+\-0]$/i.test(event.key)); // full screen, load anew, zoom
    if (!browsers) nothing(event);
  }, true);
})();

/* The page /kiosk: gives the token behind the # to the server for a cookie, takes it out of the address, and goes on to the screen. */
(function () {
  "use strict";
  const root = document.getElementById("kiosk-open");
  const SCREEN = "/kiosk/screen/";
  const AGAIN_MS = 3000, LOOK_MS = 60000;

  function say(what) {
    root.querySelectorAll("[data-says]").forEach((part) => (part.hidden = part.dataset.says !== what));
  }

  async function open(token) {
    try {
      const answer = await fetch("/kiosk", {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }), cache: "no-store" });
      if (answer.ok) return window.location.replace(SCREEN);
      if (answer.status < 500) return say("wrong");
    } catch (away) {
      /* tried again below */
    }
    say("waiting");
    window.setTimeout(() => open(token), AGAIN_MS);
  }

  /* A server that came back, with its database, may know the screen again. */
  async function look() {
    try {
      const answer = await fetch("/kiosk/beat", { cache: "no-store" });
      if (answer.ok) return window.location.replace(SCREEN);
    } catch (away) {
      /* tried again below */
    }
    window.setTimeout(look, LOOK_MS);
  }

  function begin() {
    const token = window.location.hash.slice(1);
    if (token) {
      window.history.replaceState(null, "", window.location.pathname);
      open(token);
    } else if (root.dataset.opened === "1") window.location.replace(SCREEN);
    else {
      say("none");
      window.setTimeout(look, LOOK_MS);
    }
  }

  window.addEventListener("hashchange", begin);
  begin();
})();

/* andon.StopReasons: why a machine stood still, in one tap. The answer goes to the API with an Idempotency-Key and the time of the tap;
   where there is no network it waits in this browser and goes out once (andon.later). */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, useEffect, useRef, useState } = window.React;
  const GIVE_UP_MS = 20000;
  const COUNTED_MS = 4000; // by then the figures have followed, also where somebody else's were just being computed
  const LOOKS = 4; // after which they are let be
  const awaited = new Map(); // stop → {reason, looks}: what the figures have yet to follow. They draw the buttons anew: it stays here
  const NO_ROOM = "There is no connection, and this browser keeps no answers: that needs HTTPS, or localhost.";

  async function send(url, key, body) {
    const response = await window.fetch(url, { method: "POST", credentials: "same-origin", signal: AbortSignal.timeout(GIVE_UP_MS),
      headers: { "Content-Type": "application/json", "Idempotency-Key": key }, body: JSON.stringify(body) });
    if (response.ok) return "";
    const problem = await response.json().catch(() => ({}));
    return problem.detail || problem.title || "It was refused.";
  }

  andon.StopReasons = function StopReasons({ id, stop, reasons, setProps }) {
    const [said, setSaid] = useState({});
    const about = "stop " + stop.id;
    const kept = andon.useStore(andon.later.waiting).find((one) => one.about === about);
    const refused = andon.useStore(andon.later.refused).some((one) => one.about === about);
    const given = () => setProps({ given: Date.now() });
    function counted(reason) {
      awaited.set(stop.id, { reason, looks: LOOKS });
      given();
    }
    useEffect(() => {
      const one = awaited.get(stop.id);
      if (!one || one.reason === stop.reason_id || one.looks-- <= 0) {
        awaited.delete(stop.id);
        return undefined;
      }
      const timer = window.setTimeout(given, COUNTED_MS);
      return () => window.clearTimeout(timer);
    }, [stop]);
    const before = useRef(kept);
    useEffect(() => {
      if (before.current && !kept) refused ? given() : counted(before.current.body.reason_id); // what waited has gone out
      before.current = kept;
    }, [kept]);

    async function give(reason) {
      const at_ms = andon.clock.now();
      const body = { reason_id: reason.id, at: new Date(at_ms).toISOString() };
      const url = `/api/v1/downtimes/${stop.id}/reason`;
      const later = () => andon.later.put({ about, title: stop.about, verb: reason.name, url, body, at_ms })
        ? setSaid({}) : setSaid({ words: NO_ROOM, refused: true });
      if (navigator.onLine === false || andon.later.connection.get().state === "lost") return later();
      setSaid({ busy: reason.id });
      try {
        const wrong = await send(url, window.crypto.randomUUID ? window.crypto.randomUUID() : String(at_ms) + Math.random(), body);
        setSaid(wrong ? { words: wrong, refused: true } : { words: `${reason.name}: saved.` });
        if (wrong) return;
        counted(reason.id);
      } catch (away) {
        later();
      }
    }

    const now = kept ? kept.body.reason_id : said.busy || stop.reason_id;
    const words = kept ? `${kept.verb}, ${andon.clockTime(kept.at_ms)}: not sent yet` : said.words || "";
    return h("div", { id: andon.domId(id), className: "stop-reasons", "data-stop": stop.id },
      h("div", { className: "stop-reason-buttons", role: "group", "aria-label": `Why: ${stop.about}` },
        (reasons || []).map((one) => h("button", { key: one.id, type: "button", className: "btn stop-reason", disabled: Boolean(said.busy),
          "aria-pressed": String(one.id === now), "data-reason": one.id, onClick: () => give(one) },
          h("b", null, one.name), h("span", { className: "small" }, one.loss)))),
      h("p", { className: "form-message stop-said" + (said.refused || refused ? " refused" : "") + (kept ? " kept" : ""), role: "status" }, words));
  };
})();

/* andon.desk: what answers for alerts on every page (`dashapp/ui/alarms/desk.py`). It knows how many wait, tells of new ones by a toast,
   by the title and, where somebody wants it, by a sound; it asks how long to shelve and why; and it sends what was done, once, with an
   answer in words for each alert. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, useEffect, useRef, useState } = window.React;
  const TOASTS = 3;
  const TOAST_MS = 10000;
  const GIVE_UP_MS = 20000;
  const NO_ANSWER = "The server did not answer. Whether it was done is not known: look, and try again in a moment.";
  const NEEDS_NETWORK = "There is no connection. Without one you can acknowledge; the rest must wait.";
  const NO_ROOM = "There is no connection, and this browser keeps no answers: that needs HTTPS, or localhost.";
  const WORDS = { acknowledge: "Acknowledge", shelve: "Shelve", unshelve: "End shelving", reset: "Reset", resolve: "Resolve",
    out_of_service: "Out of service", in_service: "Back into service" };
  const DONE = { acknowledge: "Acknowledged", shelve: "Shelved", unshelve: "No longer shelved", reset: "Reset", resolve: "Resolved",
    out_of_service: "Out of service", in_service: "Back in service" };

  const { makeStore, useStore } = andon;

  const news = makeStore({ count: 0, worst: "", alerts: [], first: [], all: 0 });
  const asking = makeStore(null); // the dialog that is open: {verb, ids, title}
  const said = makeStore({}); // alert id → {busy} | {words, refused}
  const settings = makeStore({ verbs: [], minutes: [], reasons: [] });
  let send = null; // sets the prop that the server answers
  let nonce = Date.now();
  const waiting = new Map(); // nonce → {ids, verb, more, at_ms, timer}

  const say = (ids, what) => said.set({ ...said.get(), ...Object.fromEntries(ids.map((id) => [id, what])) });

  function begin(verb, ids, more) {
    if (!send || !ids.length) return;
    if (andon.later.connection.get().state === "lost") return answerLater(verb, ids, more, andon.clock.now());
    const key = ++nonce;
    const timer = window.setTimeout(() => end(key, null), GIVE_UP_MS);
    waiting.set(key, { ids, verb, more, at_ms: andon.clock.now(), timer });
    say(ids, { busy: true });
    send({ verb, ids, ...more, nonce: key });
  }

  /* `refused` null: nothing came back. */
  function end(key, refused) {
    const open = waiting.get(key);
    if (!open) return;
    waiting.delete(key);
    window.clearTimeout(open.timer);
    if (!refused && open.verb === "acknowledge" && andon.later.possible) return answerLater(open.verb, open.ids, open.more, open.at_ms);
    for (const id of open.ids) {
      const why = refused ? refused[String(id)] : NO_ANSWER;
      say([id], why ? { words: why, refused: true } : { words: DONE[open.verb] });
    }
    window.dash_clientside.set_props("shell-pulse", { data: Date.now() }); // lists show it now, also where live values are paused
  }

  /* Kept with its time: should the first question have arrived after all, the server knows the answer again. */
  function answerLater(verb, ids, { comment = "" }, at_ms) {
    if (verb !== "acknowledge") return say(ids, { words: NEEDS_NETWORK, refused: true });
    const at = new Date(at_ms).toISOString();
    for (const id of ids) {
      const kept = andon.later.put({ about: "alert " + id, title: titleOf(id), verb: DONE[verb], url: `/api/v1/alerts/${id}/acknowledge`,
        body: { comment, at }, at_ms });
      say([id], kept ? {} : { words: NO_ROOM, refused: true });
    }
    andon.later.flush();
  }

  function titleOf(id) {
    const { alerts, first } = news.get();
    const one = titles.get(id) || alerts.concat(first).find((row) => row.id === id);
    return one ? `${one.title}, ${one.device}` : `Alert ${id}`;
  }
  const titles = new Map(); // alert id → {title, device} of what was acted on

  window.addEventListener("andon-unanswered", (event) => {
    if (!waiting.size) return;
    event.preventDefault();
    for (const key of Array.from(waiting.keys())) end(key, null);
  });

  andon.desk = {
    useVerbs: () => useStore(settings).verbs,
    /* One touch for what needs no words; a dialog for what does. */
    act(verb, alerts, withComment) {
      const ids = alerts.map((one) => one.id);
      alerts.forEach((one) => titles.set(one.id, one));
      if (verb === "shelve" || verb === "out_of_service" || withComment)
        asking.set({ verb, ids, clear: alerts.every((one) => one.can.includes("shelve") && !/^Returned|^Latched/.test(one.state)),
          about: alerts.length === 1 ? `${alerts[0].title}, ${alerts[0].device}` : `${alerts.length} alerts` });
      else begin(verb, ids, {});
    },
    forget(id) {
      const { [id]: gone, ...rest } = said.get();
      said.set(rest);
    },
    said,
    news,
    asking,
    useStore,
    WORDS,
  };

  /* ---- The count: in the header, in the navigation, in the bar of a phone, in the title of the window. */
  andon.AlertCount = function AlertCount({ id, bell, className }) {
    const { count, worst } = useStore(news);
    const words = count === 0 ? "No alert waits for an answer" : `${count} ${count === 1 ? "alert waits" : "alerts wait"} for an answer, the worst ${worst}`;
    const shown = count > 99 ? "99+" : String(count);
    const mark = count ? h("span", { "aria-hidden": true }, andon.marks[worst] + " ") : null;
    if (bell)
      return h("a", { id: andon.domId(id), href: "/alerts", className: "control bell" + (count ? " " + worst : ""), title: words, "aria-label": words,
        "data-inside": "true", "data-count": count },
        h(andon.Icon, { name: "bell", size: 16 }), count ? h("span", { "aria-hidden": true }, mark, shown) : null);
    return count
      ? h("span", { id: andon.domId(id), className: "chip " + worst + " " + (className || ""), title: words }, mark, shown,
        h("span", { className: "sr-only" }, " unanswered"))
      : null;
  };

  const bare = (title) => title.replace(/^\(\d+\+?\) /, "");
  function showTitle() {
    const { count } = news.get();
    const wanted = (count ? `(${count > 99 ? "99+" : count}) ` : "") + bare(document.title);
    if (document.title !== wanted) document.title = wanted;
  }
  news.subscribe(showTitle);

  /* ---- The sound: two short tones, higher and more often the more severe. Browsers let a page sound only after a gesture on it. */
  const SOUND = "andon-alert-sound";
  const PITCH = { critical: [880, 3], high: [740, 2], medium: [587, 1], low: [494, 1] };
  let audio = null;
  const sound = makeStore(stored());

  function stored() {
    try {
      return window.localStorage.getItem(SOUND) === "on";
    } catch (refused) {
      return false;
    }
  }

  function wake() {
    if (!sound.get() || !window.AudioContext) return;
    audio = audio || new window.AudioContext();
    if (audio.state === "suspended") audio.resume();
  }
  document.addEventListener("pointerdown", wake);
  document.addEventListener("keydown", wake);

  function ring(severity) {
    if (!sound.get() || !audio || audio.state !== "running") return;
    const [pitch, times] = PITCH[severity] || PITCH.low;
    for (let i = 0; i < times; i += 1) {
      const at = audio.currentTime + i * 0.28;
      const [tone, loud] = [audio.createOscillator(), audio.createGain()];
      tone.frequency.value = pitch;
      loud.gain.setValueAtTime(0.0001, at);
      loud.gain.exponentialRampToValueAtTime(0.25, at + 0.02);
      loud.gain.exponentialRampToValueAtTime(0.0001, at + 0.22);
      tone.connect(loud).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.24);
    }
  }

  andon.AlertSound = function AlertSound({ id }) {
    const on = useStore(sound);
    function change(event) {
      const next = event.target.checked;
      sound.set(next);
      try {
        window.localStorage.setItem(SOUND, next ? "on" : "off");
      } catch (refused) {
        /* for this visit only */
      }
      wake();
      if (next) window.setTimeout(() => ring("medium"), 150);
    }
    return h("label", { className: "check sound-switch" },
      h("input", { id: andon.domId(id), type: "checkbox", checked: on, onChange: change }), "Sound for new alerts");
  };

  /* ---- Toasts */
  /* New is what did not wait before, or is worse now; not what chatters, and not what moves up because others were answered. */
  function isNew(one, { waiting, last, all }) {
    const rank = waiting.get(one.id);
    return rank === undefined ? all || one.id > last : RANK[one.severity] < rank;
  }

  function Toasts() {
    const { alerts, begins, count } = useStore(news);
    const [shown, setShown] = useState([]);
    const known = useRef(null);
    const list = useRef(null);
    const busy = () => list.current && list.current.matches(":hover, :focus-within"); // somebody is at one: they stay
    useEffect(() => {
      const before = known.current;
      const fresh = before === null || begins ? [] : alerts.filter((one) => isNew(one, before));
      known.current = {
        waiting: new Map(alerts.map((one) => [one.id, RANK[one.severity]])),
        last: Math.max(before ? before.last : 0, ...alerts.map((one) => one.id)),
        all: count <= alerts.length,
      };
      const waits = new Set(alerts.map((one) => one.id));
      const until = Date.now() + TOAST_MS;
      setShown((before) => fresh.map((one) => ({ ...one, until }))
        .concat(before.filter((one) => waits.has(one.id) && !fresh.some((other) => other.id === one.id))));
      if (fresh.length) ring(fresh.map((one) => one.severity).sort((a, b) => RANK[a] - RANK[b])[0]);
    }, [alerts]);
    useEffect(() => {
      if (!shown.length) return undefined;
      const timer = window.setInterval(() => {
        if (!busy()) setShown((before) => (before.some((one) => one.until < Date.now()) ? before.filter((one) => one.until >= Date.now()) : before));
      }, 500);
      return () => window.clearInterval(timer);
    }, [shown.length > 0]);
    const close = (id) => setShown((before) => before.filter((one) => one.id !== id));
    const more = shown.length - TOASTS;
    return h("div", { className: "toasts", role: "status", "aria-live": "polite", ref: list },
      shown.slice(0, TOASTS).map((one) =>
        h("div", { key: one.id, className: "alert-toast " + one.severity, "data-alert": one.id },
          h(andon.Mark, { severity: one.severity }),
          h("a", { href: one.href, onClick: (event) => { andon.follow(event); close(one.id); } },
            h("b", null, one.title), h("span", { className: "alert-note" }, [one.device, one.value].filter(Boolean).join(" · "))),
          h("button", { type: "button", className: "btn-close", "aria-label": "Dismiss: " + one.title, onClick: () => close(one.id) }))),
      more > 0 ? h("a", { className: "alert-toast more", href: "/alerts", onClick: andon.follow }, `and ${more} more new alerts`) : null);
  }

  const RANK = { critical: 0, high: 1, medium: 2, low: 3 };
  andon.Mark = ({ severity }) =>
    h("span", { className: "mark " + severity, title: severity }, h("span", { "aria-hidden": true }, andon.marks[severity]),
      h("span", { className: "sr-only" }, severity));

  /* ---- The dialogs: a comment, or how long and why. */
  function Dialog() {
    const open = useStore(asking);
    const choices = useStore(settings);
    const box = useRef(null);
    const field = useRef(null);
    const [words, setWords] = useState("");
    const [wrong, setWrong] = useState("");
    useEffect(() => {
      if (!open || !box.current) return;
      setWords("");
      setWrong("");
      if (!box.current.open) box.current.showModal();
      if (window.matchMedia("(pointer: fine)").matches || open.verb === "acknowledge") field.current.focus();
    }, [open]);
    if (!open) return null;
    const { verb, ids, about } = open;
    const needs = verb !== "acknowledge";
    const close = () => asking.set(null);
    function go(more) {
      if (needs && !words.trim()) {
        setWrong("Say why, in a word or two.");
        field.current.focus();
        return;
      }
      close();
      begin(verb, ids, { comment: words.trim(), ...more });
    }
    const span = (minutes) => (minutes < 60 ? `${minutes} min` : `${minutes / 60} h`);
    const chips = needs
      ? h("div", { className: "reasons", role: "group", "aria-label": "Reasons" }, choices.reasons.map((one) =>
        h("button", { key: one, type: "button", className: "control", "aria-pressed": words === one,
          onClick: () => { setWords(one); setWrong(""); } }, one)))
      : null;
    const buttons = verb === "shelve"
      ? choices.minutes.map((minutes) => h("button", { key: minutes, type: "button", className: "btn", onClick: () => go({ minutes }) }, span(minutes)))
        .concat(open.clear ? [h("button", { key: "clear", type: "button", className: "btn", onClick: () => go({ minutes: null }) }, "Until clear")] : [])
      : [h("button", { key: "go", type: "submit", className: "btn solid" }, WORDS[verb])];
    const titleId = "alert-dialog-title";
    return h("dialog", { ref: box, className: "alert-dialog", "aria-labelledby": titleId, onClose: close,
      onClick: (event) => event.target === box.current && close() },
      h("form", { method: "dialog", className: "form", noValidate: true, autoComplete: "off",
        onSubmit: (event) => { event.preventDefault(); if (verb !== "shelve") go({}); } },
        h("div", { className: "dialog-head" }, h("h2", { id: titleId }, needs ? `${WORDS[verb]}: nobody is told` : WORDS[verb]),
          h("button", { type: "button", className: "btn-close", "aria-label": "Close", onClick: close })),
        h("p", { className: "muted" }, about),
        h("div", { className: "field" },
          h("label", { htmlFor: "alert-dialog-words" }, needs ? "Why" : "Comment", needs ? null : h("span", { className: "optional" }, " (optional)")),
          chips,
          h("input", { ref: field, id: "alert-dialog-words", className: "input", type: "text", maxLength: 500, value: words,
            "aria-invalid": wrong ? true : undefined, "aria-describedby": "alert-dialog-wrong",
            onChange: (event) => { setWords(event.target.value); setWrong(""); } }),
          h("p", { id: "alert-dialog-wrong", className: "error", "aria-live": "polite" },
            wrong ? h("span", { "aria-hidden": true, className: "error-mark" }, "!") : null, wrong)),
        verb === "shelve" ? h("p", { className: "label" }, "For how long") : null,
        h("div", { className: "actions shelve-times" }, buttons)));
  }

  andon.AlertDesk = function AlertDesk({ id, news: now, verbs, minutes, reasons, answered, setProps }) {
    send = (asked) => setProps({ asked });
    useEffect(() => settings.set({ verbs: verbs || [], minutes: minutes || [], reasons: reasons || [] }), [verbs]);
    useEffect(() => {
      if (now) news.set(now);
    }, [now]);
    useEffect(() => {
      if (answered) end(answered.nonce, answered.refused);
    }, [answered]);
    useEffect(() => {
      showTitle();
      const eye = new MutationObserver(showTitle);
      const title = document.querySelector("title");
      if (title) eye.observe(title, { childList: true, characterData: true, subtree: true });
      return () => eye.disconnect();
    }, []);
    return h("div", { id: andon.domId(id), className: "alert-desk" }, h(Toasts), h(Dialog), h(andon.LaterBar));
  };

  /* ---- What can be done to one alert. */
  andon.AlertButtons = function AlertButtons({ id, alert, className, quiet, whole }) {
    const about = useStore(said)[alert.id];
    const verbs = andon.desk.useVerbs();
    const kept = useStore(andon.later.waiting).find((one) => one.about === "alert " + alert.id);
    const can = kept ? [] : alert.can.filter((verb) => verbs.includes(verb));
    const busy = Boolean(about && about.busy);
    const one = (verb, text, look, withComment) =>
      h("button", { key: verb + (withComment ? "-comment" : ""), type: "button", className: look, disabled: busy,
        "aria-label": `${text}: ${alert.title}, ${alert.device}`, "data-verb": verb + (withComment ? "-comment" : ""),
        onClick: () => andon.desk.act(verb, [alert], withComment) }, text);
    const buttons = [];
    if (can.includes("acknowledge")) {
      buttons.push(one("acknowledge", quiet ? "Ack" : "Acknowledge", quiet ? "btn" : "btn solid"));
      if (!quiet) buttons.push(one("acknowledge", "Comment…", "btn plain", true));
    }
    for (const verb of quiet ? [] : ["reset", "resolve", "shelve", "unshelve", "in_service"])
      if (can.includes(verb)) buttons.push(one(verb, WORDS[verb], verb === "reset" ? "btn solid" : "btn"));
    if (whole && can.includes("out_of_service")) buttons.push(one("out_of_service", "Out of service…", "btn plain"));
    const words = kept ? `${kept.verb} ${andon.clockTime(kept.at_ms)}, not sent yet` : about && about.words && (about.refused || !buttons.length) ? about.words : "";
    return h("div", { id: andon.domId(id), className: "alert-answer " + (className || "") },
      buttons.length ? h("div", { className: "alert-actions" }, buttons) : null,
      h("p", { className: "alert-said" + (kept ? " kept" : about && about.refused ? " refused" : ""), role: "status" }, words));
  };
})();

/* andon.Failed: what stands where a part of a page could not be made. andon.Problem: the corner in which a failure is said
   while everything else stays as it is. Both say what happened, what it means for the data, what to do, and the request's id. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, useState } = window.React;
  const SAFE = "Stored readings are not affected, and new ones go on being stored.";

  function RequestId({ request }) {
    const [copied, setCopied] = useState(false);
    if (!request) return null;
    const copy = () => navigator.clipboard && navigator.clipboard.writeText(request).then(() => setCopied(true), () => {});
    return h("p", { className: "request-id small muted" }, "Request ", h("code", null, request),
      navigator.clipboard ? h("button", { type: "button", className: "link", onClick: copy }, copied ? "copied" : "copy") : null);
  }

  andon.Failed = function Failed({ id, what, means = SAFE, request }) {
    return h("section", { id: andon.domId(id), className: "card failed", role: "alert" },
      h("p", { className: "empty-title" }, what),
      h("p", { className: "empty-text" }, means + " Load the page again; if it stays like this, tell whoever runs Andon the request's id."),
      h(RequestId, { request }),
      h("button", { type: "button", className: "btn", onClick: () => window.location.reload() }, "Load again"));
  };

  andon.Problem = function Problem({ id, problem, setProps }) {
    const { what, means, todo, request } = problem || {};
    const said = problem && h("div", { className: "problem card" },
      h("div", { className: "problem-head" }, h("b", null, what),
        h("button", { type: "button", className: "btn-close", "aria-label": "Dismiss", onClick: () => setProps({ problem: null }) })),
      h("p", null, means), todo ? h("p", null, todo) : null, h(RequestId, { request, key: request }));
    return h("div", { id: andon.domId(id), className: "problems", role: "status" }, said || null);
  };

  /* ---- From a failed answer to words. */

  const WORDS = {
    0: { what: "The server does not answer", means: "What you see is as it was. What you just did was not saved.",
      todo: "Try it again when the connection is back." },
    404: { what: "This page is of another version of Andon", means: "What you see is as it was.", todo: "Load the page again." },
    503: { what: "The database is away", means: "Nothing that was stored is lost. What you see is as it was.", todo: "Try again in a moment." },
  };
  const UNEXPECTED = { what: "Something went wrong in Andon", means: SAFE + " What you see is as it was.",
    todo: "Try it again; if it comes back, tell whoever runs Andon the request's id." };

  /* {what, means, todo, request} of an answer that is no success; of null where there was none. */
  andon.problemOf = async function (response) {
    if (!response) return { ...WORDS[0], request: "" };
    const request = response.headers.get("X-Request-Id") || "";
    if (WORDS[response.status]) return { ...WORDS[response.status], request };
    if (response.status >= 500) return { ...UNEXPECTED, request };
    const body = await response.json().catch(() => ({}));
    return { what: body.title || "Not possible", means: body.detail || "The server refused it.", todo: "Nothing was changed.", request };
  };

  const parse = (text) => {
    try {
      return JSON.parse(text);
    } catch (other) {
      return {};
    }
  };

  /* The parts that a failed question was to fill and that show nothing yet, or that it failed before: components by id, and what waits for them. */
  function waiting(body) {
    const outputs = [parse(body).outputs || []].flat(2);
    const found = new Map();
    for (const { id } of outputs) {
      const name = andon.domId(id);
      for (const element of [document.getElementById(name), document.querySelector(`[data-waits-for="${CSS.escape(name)}"]`)])
        if (element && (element.id === "_pages_content" || element.querySelector(".skeleton, .card.failed"))) found.set(element.id, element);
    }
    return [...found.keys()];
  }

  /* Says that a callback failed: in the parts that wait for it, else in the corner. */
  andon.sayFailure = async function (body, response) {
    const problem = await andon.problemOf(response);
    const set = window.dash_clientside.set_props;
    const parts = waiting(body);
    const props = { what: problem.what, means: problem.means, request: problem.request };
    parts.forEach((id) => set(id, { children: { namespace: "andon", type: "Failed", props } }));
    const words = [problem.what, problem.means, problem.todo, problem.request && "Request " + problem.request];
    const detail = words.filter(Boolean).map((text) => text.replace(/\.?$/, ".")).join(" ");
    const unheard = window.dispatchEvent(new CustomEvent("andon-unanswered", { detail, cancelable: true })); // forms that wait say it
    if (unheard && !parts.length) set("shell-problem", { problem });
    document.querySelectorAll(".busy").forEach((element) => element.classList.remove("busy"));
  };
})();

/* andon.ChoiceBar: choices that stand in the address: what is chosen is gone to, so that Back undoes it. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h } = window.React;
  const query = () => Object.fromEntries(new URLSearchParams(window.location.search));

  /* ---- Another address, with words for the way back. */
  function go(next, back) {
    const href = window.location.pathname + andon.address.search({ ...query(), ...next });
    if (href === window.location.pathname + window.location.search) return;
    document.querySelectorAll(".analytics-frame").forEach((frame) => frame.classList.add("busy"));
    window.history.pushState({ andon: { back: back || "what was shown" } }, "", href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }

  andon.ChoiceBar = function ChoiceBar({ id, fields, className }) {
    const chosen = (field) => (event) => {
      const value = event.target.value;
      const cleared = Object.fromEntries((field.clears || []).map((name) => [name, ""]));
      if (!field.adds) return go({ ...cleared, [field.name]: value });
      const held = (field.held || "").split(",").filter(Boolean);
      return value && go({ [field.adds]: held.concat(value).join(",") });
    };
    return h("div", { id: andon.domId(id), className: "choice-bar " + (className || "") }, fields.map((field) =>
      h("label", { key: field.name, className: "control filter" }, h("span", { className: "faint", "aria-hidden": true }, field.label),
        h("select", { name: field.name, "aria-label": field.label, value: field.value || "", onChange: chosen(field) }, grouped(field.options)))));
  };

  function grouped(options) {
    const groups = new Map();
    for (const one of options) groups.set(one.group || "", (groups.get(one.group || "") || []).concat(one));
    const listed = (list) => list.map(({ value, label }) => h("option", { key: value, value }, label));
    return [...groups].map(([name, list]) => (name ? h("optgroup", { key: name, label: name }, listed(list)) : listed(list)));
  }

  andon.choices = { go };
})();

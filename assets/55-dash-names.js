/* Dash's and Bootstrap's components say too little or the wrong thing to a screen reader: this mends dcc.Dropdown,
   dcc.DatePickerRange, dcc.DatePickerSingle, dcc.Tabs, and dbc's Modal, Offcanvas and DropdownMenu as they appear.
   A field is named by its <label for=…>, a dialog by its title. */
(function () {
  "use strict";

  function set(element, attributes) {
    for (const [name, value] of Object.entries(attributes)) {
      if (value == null) element.removeAttribute(name);
      else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
    }
  }

  function labelOf(id) {
    const label = id && document.querySelector(`label[for="${CSS.escape(id)}"]`);
    if (label && !label.id) label.id = id + "-label";
    return label ? label.id : null;
  }

  /* The tab stop is a hidden input that passes the focus on; the button itself can take it. Named by its label and
     described by what it shows. */
  function mendDropdown(wrapper) {
    const button = wrapper.querySelector("button.dash-dropdown");
    const proxy = wrapper.querySelector(".dash-dropdown-focus-target");
    if (!button) return;
    const shown = [button.id + "-value", button.id + "-value-count"].filter((id) => document.getElementById(id));
    const described = labelOf(button.id) ? shown.join(" ") : null; // without a label what it shows is its name
    set(button, { tabindex: "0", "aria-labelledby": null, "aria-describedby": described });
    if (proxy) set(proxy, { tabindex: "-1" });
  }

  function mendDates(wrapper) {
    const first = wrapper.querySelector("input");
    const label = first && labelOf(first.id);
    set(wrapper, { role: "group", type: null, "aria-expanded": null, "aria-haspopup": null, "aria-disabled": null,
      "aria-labelledby": label, "aria-label": label ? null : "Dates" });
  }

  function mendTabs(container) {
    set(container, { role: "tablist" });
    container.querySelectorAll(":scope > .tab").forEach((tab) => set(tab, {
      role: "tab", tabindex: "0", "aria-selected": String(tab.classList.contains("tab--selected")) }));
  }

  /* Its options are real checkboxes and radio buttons in labels, so they need no other role. */
  function mendOptions(list) {
    const content = list.closest("[role=dialog]");
    const trigger = content && document.querySelector(`button[aria-controls="${CSS.escape(content.id)}"]`);
    const label = trigger ? labelOf(trigger.id) : null;
    set(list, { role: "group", "aria-labelledby": label, "aria-label": label ? null : "Options" });
    list.querySelectorAll("label[role]").forEach((option) => set(option, { role: null, "aria-selected": null }));
    if (content) set(content, { "aria-labelledby": label, "aria-label": label ? null : "Options" });
  }

  function mendCalendar(content) {
    set(content, { "aria-label": "Choose dates" });
    content.querySelectorAll("input[type=number]").forEach((input) => set(input, { "aria-label": "Year" }));
  }

  function mendDialog(dialog) {
    const title = dialog.querySelector(".modal-title, .offcanvas-title");
    if (!title || dialog.getAttribute("aria-label")) return;
    if (!title.id) title.id = "dialog-title-" + ++titles;
    set(dialog, { "aria-labelledby": title.id });
  }

  function mendMenuItem(item) {
    if (item.matches(".dropdown-header")) set(item, { "aria-level": "3" });
    else set(item, { "aria-selected": null, "aria-current": item.classList.contains("active") ? "true" : null });
  }

  const MENDS = [
    [".dash-dropdown-wrapper", mendDropdown],
    [".dash-options-list", mendOptions],
    [".dash-datepicker-input-wrapper", mendDates],
    [".dash-datepicker-content", mendCalendar],
    [".tab-container", mendTabs],
    [".modal[role=dialog], .offcanvas[role=dialog]", mendDialog],
    [".dropdown-item, .dropdown-header", mendMenuItem],
  ];
  let waiting = false;
  let titles = 0;

  function mendAll() {
    waiting = false;
    for (const [selector, mend] of MENDS) document.querySelectorAll(selector).forEach(mend);
  }

  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    window.requestAnimationFrame(mendAll);
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true,
    attributeFilter: ["aria-labelledby", "aria-expanded", "aria-selected", "class"] });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    if (!event.target.matches || !event.target.matches(".tab-container > .tab")) return;
    event.preventDefault();
    event.target.click();
  });
})();

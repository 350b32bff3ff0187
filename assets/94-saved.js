/* The menu “Saved”: the link to this page, for anybody of the plant. */
(function () {
  "use strict";
  const andon = window.andon;

  /* Which plant it is of goes along: whoever looks into several is taken there, and whoever belongs elsewhere is told. */
  function link(address, tenant) {
    return window.location.origin + address + (address.includes("?") ? "&" : "?") + "tenant=" + encodeURIComponent(tenant);
  }

  const addressOf = (how) => (how === "fixed" ? andon.address.fixed() : null) || window.location.pathname + window.location.search;

  document.addEventListener("toggle", (event) => {
    const menu = event.target;
    if (menu.id === "shell-saved" && menu.open) menu.dataset.counts = String(andon.address.fixed() !== null);
  }, true);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const { tenant } = document.getElementById("shell-saved").dataset;
    const said = (await andon.copy(link(addressOf(button.dataset.copy), tenant), button)) ? "Copied" : "Not copied: the browser does not allow it";
    button.dataset.said = said;
    window.setTimeout(() => delete button.dataset.said, 2500);
    document.getElementById("saved-said").textContent = said;
  });
})();

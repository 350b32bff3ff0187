/* andon_production: presses on points, cells and states of production lead on. */
(function () {
  "use strict";
  const andon = window.andon;
  const clientside = (window.dash_clientside = window.dash_clientside || {});
  const none = clientside.no_update;
  const query = () => Object.fromEntries(new URLSearchParams(window.location.search));
  const go = (path, pairs) => andon.address.go(path + andon.address.search(pairs));

  /* The minute of the server's clock, each once. */
  function minute(_pulse, shown) {
    const now = Math.floor(andon.clock.now() / 60000);
    return now > shown ? now : none;
  }

  function followPoint(event) {
    const href = event && event.points[0] && event.points[0].customdata;
    if (typeof href === "string" && href.startsWith("/")) andon.address.go(href);
    return none;
  }

  /* ---- The heatmap: a cell is a machine in a period. Its wrapper says the periods, as from/to, and the path. */
  function openCell(cell) {
    const { columns, path } = cell.closest("[data-columns]").dataset;
    const [from, to] = columns.split(" ")[cell.cellIndex - 1].split("/");
    go(path, { machine: cell.parentElement.querySelector("th").textContent, from, to });
  }

  /* ---- The timeline: a state is a machine at a time. */
  function openState(span) {
    const { start, end } = span.closest("[data-timeline]").dataset;
    const share = (parseFloat(span.style.left) + parseFloat(span.style.width) / 2) / 100;
    const at = Math.round(Number(start) + share * (Number(end) - Number(start)));
    const machine = span.closest(".tl-track").previousElementSibling.title;
    go("/production", { ...query(), stop: "", loss: "", at: `${machine}@${new Date(at).toISOString()}` });
  }

  document.addEventListener("click", (event) => {
    const cell = event.target.closest("[data-columns] tbody td");
    if (cell) return openCell(cell);
    const span = event.target.closest("[data-timeline] .tl-track > .tl-span[title]");
    return span && openState(span);
  });

  clientside.andon_production = { minute, follow_point: followPoint };
})();

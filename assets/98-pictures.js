/* andon.pictures: a card as PNG, drawn from what the page shows of it. Any button with data-picture saves the card that it stands in, under
   that name. Charts of plotly have buttons of their own, which draw them with their title. */
(function () {
  "use strict";
  const andon = window.andon;
  const WIDE = 1200;
  const SHARP = 2;
  let library = null;

  /* 20 kB that few visits need: they come with the first picture. */
  function load() {
    library = library || new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: "/assets/vendor/html-to-image.js" });
      script.onload = () => resolve(window.htmlToImage);
      script.onerror = () => {
        library = null;
        script.remove();
        reject(new Error("the server did not answer"));
      };
      document.head.append(script);
    });
    return library;
  }

  const asData = (blob) => new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(blob);
  });

  /* Our own typefaces inside of the picture. The library would look for them with a <base>, which our policy forbids. */
  let faces = null;
  async function fonts() {
    const rules = [...document.styleSheets].flatMap((sheet) =>
      [...sheet.cssRules].filter((rule) => rule instanceof CSSFontFaceRule).map((rule) => [rule.cssText, sheet.href]));
    const whole = rules.map(async ([text, href]) => {
      const [found, address] = /url\(["']?([^"')]+)["']?\)/.exec(text) || [];
      if (!found || address.startsWith("data:")) return text;
      const answer = await fetch(new URL(address, href));
      return answer.ok ? text.replace(found, `url("${await asData(await answer.blob())}")`) : "";
    });
    return (await Promise.all(whole)).join("\n");
  }

  /* As it is on a wide screen, with nothing behind a scroll bar: beside the page, in a place of its own. A chart has its size already. */
  function staged(card) {
    const copy = card.cloneNode(true);
    copy.querySelectorAll(".downloads, .table-files").forEach((buttons) => buttons.remove());
    copy.querySelectorAll("[id]").forEach((element) => element.removeAttribute("id"));
    copy.removeAttribute("id");
    const stage = Object.assign(document.createElement("div"), { className: "picture-stage", ariaHidden: "true", inert: true });
    stage.style.width = (card.querySelector(".js-plotly-plot") ? card.offsetWidth : Math.max(WIDE, card.scrollWidth)) + "px";
    stage.append(copy);
    document.body.append(stage);
    return stage;
  }

  async function save(card, name) {
    const { backgroundColor } = getComputedStyle(card); // as it was pressed: a tick may draw the card anew while one waits
    const stage = staged(card);
    try {
      const { toBlob } = await load();
      faces = faces || (await fonts());
      const how = { pixelRatio: SHARP, backgroundColor, fontEmbedCSS: faces };
      andon.files.save(await toBlob(stage.firstChild, how), andon.files.safe(name) + ".png");
    } finally {
      stage.remove();
    }
  }

  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-picture]");
    if (!button || button.getAttribute("aria-busy") === "true") return;
    const words = button.textContent;
    button.setAttribute("aria-busy", "true");
    try {
      await save(button.closest(".card"), button.dataset.picture);
    } catch (failed) {
      button.textContent = "Not saved: try again";
      window.setTimeout(() => (button.textContent = words), 4000);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
})();

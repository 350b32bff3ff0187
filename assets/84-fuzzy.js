/* andon.fuzzy: which entries a few typed letters mean, the likeliest first. An entry is {id, kind, title, more} with `title` and
   `more` as `andon.fuzzy.plain` makes them; every word of the query must be found in one of the two. */
(function () {
  "use strict";
  const andon = (window.andon = window.andon || {});
  const KINDS = { page: 12, action: 8, view: 7, device: 6, help: 2, sensor: 0 };
  const EXACT = 120, FIRST = 100, WORD = 80, WITHIN = 50, SCATTERED = 40;

  /* Lower case, without accents: “Präzision” is found by “prazision”. */
  const plain = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const isSign = (code) => (code > 47 && code < 58) || (code > 96 && code < 123) || code > 127;

  function whole(word, text) {
    let at = text.indexOf(word);
    if (at < 0) return 0;
    const spare = Math.min(18, (text.length - word.length) * 0.3);
    if (at === 0) return text.length === word.length ? EXACT : FIRST - spare;
    for (; at >= 0; at = text.indexOf(word, at + 1)) if (!isSign(text.charCodeAt(at - 1))) return WORD - spare;
    return WITHIN - spare;
  }

  /* The letters in their order, not too far apart: “mx2” is MX-02, “wsb” the welding station beta. */
  function scattered(word, text) {
    let at = -1;
    let cost = 0;
    for (let i = 0; i < word.length; i++) {
      const next = text.indexOf(word[i], at + 1);
      if (next < 0) return 0;
      const starts = next === 0 || !isSign(text.charCodeAt(next - 1));
      if (i === 0 && !starts) return 0;
      if (i > 0 && next > at + 1) cost += starts ? 3 : 4 + Math.min(6, next - at);
      at = next;
    }
    return Math.max(0, SCATTERED - cost);
  }

  function score(words, query, entry) {
    let sum = 0;
    for (const word of words) {
      const best = Math.max(whole(word, entry.title), 0.7 * whole(word, entry.more)) || (word.length > 1 ? scattered(word, entry.title) : 0);
      if (!best) return 0;
      sum += best;
    }
    if (entry.title === query) sum += 200;
    else if (words.length > 1 && entry.title.startsWith(query)) sum += 40;
    return sum / words.length + (KINDS[entry.kind] || 0);
  }

  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

  /* The `most` likeliest entries; `recent` maps ids to a bonus between 0 and 1. */
  function rank(text, entries, most = 50, recent = new Map()) {
    const query = plain(text).trim().replace(/\s+/g, " ");
    if (!query) return [];
    const words = query.split(" ");
    const found = [];
    for (const entry of entries) {
      const points = score(words, query, entry);
      if (points) found.push([points + 15 * (recent.get(entry.id) || 0), entry]);
    }
    found.sort((a, b) => b[0] - a[0] || order(a[1].title, b[1].title) || order(a[1].id, b[1].id));
    return found.slice(0, most).map((pair) => pair[1]);
  }

  andon.fuzzy = { plain, rank };
})();

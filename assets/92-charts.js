/* andon.charts: what plotly figures get in the browser. They come with names of colours and times as milliseconds since
   1970 UTC; here they get the colours of the theme, tick labels and hover texts in a zone, and the size of the screen. */
(function () {
  "use strict";
  const andon = window.andon;
  const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const two = (number) => String(number).padStart(2, "0");

  /* ---- Colours: "token(trace, 0.2)" becomes what tokens.css says for the theme that is shown. */
  const TOKEN = /^token\(([\w-]+)(?:, ([\d.]+))?\)$/;

  function reader() {
    const style = getComputedStyle(document.documentElement);
    const known = {};
    return (name) => (known[name] = known[name] || style.getPropertyValue("--" + name).trim());
  }

  function mixed(hex, alpha) {
    if (!alpha) return hex;
    const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return `rgba(${parts.join(",")},${alpha})`;
  }

  function paint(part, colour) {
    if (typeof part === "string") {
      const found = TOKEN.exec(part);
      return found ? mixed(colour(found[1]), found[2]) : part;
    }
    if (Array.isArray(part))
      return typeof part[0] === "object" || typeof part[0] === "string" ? part.map((one) => paint(one, colour)) : part;
    if (part === null || typeof part !== "object") return part;
    const painted = {};
    for (const key of Object.keys(part))
      painted[key] = key === "customdata" || key === "text" ? part[key] : paint(part[key], colour);
    return painted;
  }

  /* ---- Clocks: what the clock on the wall says in a zone, and when a wall says so. */
  const FIELDS = {
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  };

  function wall(ms, zone) {
    const parts = {};
    for (const { type, value } of andon.timeFormat(zone, FIELDS).formatToParts(ms)) parts[type] = Number(value);
    return parts;
  }

  function offset(ms, zone) {
    const w = wall(ms, zone);
    return Date.UTC(w.year, w.month - 1, w.day, w.hour, w.minute, w.second) - Math.floor(ms / SECOND) * SECOND;
  }

  /* A local time as an instant; one that a clock change leaves out becomes the one after it. */
  function instant(local, zone) {
    const first = local - offset(local, zone);
    return local - offset(first, zone);
  }

  const dayText = (w) => `${w.day} ${MONTHS[w.month - 1]}`;
  const minuteText = (w) => `${two(w.hour)}:${two(w.minute)}`;
  const stamp = (ms, zone) => ((w) => `${dayText(w)} ${w.year} ${minuteText(w)}`)(wall(ms, zone));

  /* The plant's zone, where its clocks show another time than the viewer's at this instant. */
  function otherPlant(ms, zone) {
    const plant = andon.plantZone;
    return plant && plant !== zone && offset(ms, plant) !== offset(ms, zone) ? plant : null;
  }

  /* ` (plant 14:05)`, or nothing where it says the same; with an `end`, ` (plant 14:05 – 14:10)`. */
  function beside(ms, zone, clock, end) {
    const plant = otherPlant(ms, zone);
    if (!plant) return "";
    const there = wall(ms, plant);
    const day = there.day === wall(ms, zone).day ? "" : dayText(there) + " ";
    return ` (plant ${day}${clock(there)}${end === undefined ? "" : " – " + clock(wall(end, plant))})`;
  }

  const secondText = (w) => `${minuteText(w)}:${two(w.second)}`;
  const secondStamp = (ms, zone) =>
    ((w) => `${dayText(w)} ${w.year} ${secondText(w)}`)(wall(ms, zone)) + beside(ms, zone, secondText);

  const CLOCK_STEPS = [1, 2, 5, 10, 15, 30]
    .map((n) => n * SECOND)
    .concat(
      [1, 2, 3, 5, 10, 15, 30].map((n) => n * MINUTE),
      [1, 2, 3, 4, 6, 12].map((n) => n * HOUR),
    );
  /* [length, which days] of calendar steps; months and years are counted on the calendar, not in hours. */
  const DAY_STEPS = [
    [DAY, () => true],
    [2 * DAY, (d) => d % 2 === 1 && d < 31],
    [5 * DAY, (d) => d % 5 === 1 && d < 31],
    [10 * DAY, (d) => d % 10 === 1 && d < 31],
    [15 * DAY, (d) => d === 1 || d === 16],
  ];
  const MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200];

  function clockTicks(start, end, zone, step) {
    const found = [];
    const grain = Math.min(step, 15 * MINUTE);
    for (let t = Math.ceil(start / grain) * grain; t <= end; t += grain) {
      const w = step <= 15 * MINUTE && step > SECOND * 30 ? null : wall(t, zone);
      if (w && (((w.hour * 60 + w.minute) * 60 + w.second) * SECOND) % step) continue;
      const at = w || wall(t, zone);
      const text =
        at.hour + at.minute + at.second === 0
          ? dayText(at)
          : minuteText(at) + (step < MINUTE ? ":" + two(at.second) : "");
      found.push([t, text]);
    }
    return found;
  }

  function dayTicks(start, end, zone, wanted) {
    const first = wall(start, zone);
    const found = [];
    for (let n = 0; found.length < 60; n++) {
      const local = Date.UTC(first.year, first.month - 1, first.day + n);
      const t = instant(local, zone);
      if (t > end) break;
      const day = new Date(local);
      if (t < start || !wanted(day.getUTCDate())) continue;
      const year = day.getUTCDate() === 1 && day.getUTCMonth() === 0 ? " " + day.getUTCFullYear() : "";
      found.push([t, `${day.getUTCDate()} ${MONTHS[day.getUTCMonth()]}${year}`]);
    }
    return found;
  }

  function monthTicks(start, end, zone, months) {
    const first = wall(start, zone);
    const found = [];
    let month = Math.floor((first.year * 12 + first.month - 1) / months) * months;
    for (; found.length < 60; month += months) {
      const t = instant(Date.UTC(Math.floor(month / 12), month % 12, 1), zone);
      if (t > end) break;
      if (t < start) continue;
      const year = Math.floor(month / 12);
      const named = months < 12 && (found.length === 0 || month % 12 === 0);
      found.push([t, months >= 12 ? String(year) : MONTHS[month % 12] + (named ? " " + year : "")]);
    }
    return found;
  }

  /* Ticks on round times of the zone, `most` at most or a few more. */
  function ticks(start, end, zone, most) {
    const span = end - start;
    const clock = CLOCK_STEPS.find((step) => span / step <= most);
    if (clock) return clockTicks(start, end, zone, clock);
    const day = DAY_STEPS.find(([length]) => span / length <= most);
    if (day) return dayTicks(start, end, zone, day[1]);
    const months = MONTH_STEPS.find((n) => span / (n * 30.4 * DAY) <= most) || MONTH_STEPS[MONTH_STEPS.length - 1];
    return monthTicks(start, end, zone, months);
  }

  function withTicks(axis, zone, width) {
    const [start, end] = axis.range;
    const edge = ((end - start) * 14) / width; // a label half outside would touch those of the other axis
    const most = Math.max(2, Math.floor(width / 76));
    const found = ticks(start, end, zone, most).filter(([t]) => t > start + edge);
    const plant = hasHours(axis, width) && otherPlant(end, zone);
    const text = ([t, here]) => (plant ? `${here}<br>${minuteText(wall(t, plant))}` : here);
    return { ...axis, tickvals: found.map((tick) => tick[0]), ticktext: found.map(text) };
  }

  /* Whether the ticks are times of the day: under them stand the plant's, where its clocks differ. */
  const hasHours = ({ range: [start, end] }, width) => (end - start) / (12 * HOUR) <= Math.max(2, Math.floor(width / 76));

  function withRoom(layout, width) {
    const { xaxis, margin, meta } = layout;
    return hasHours(xaxis, width) && otherPlant(xaxis.range[1], meta.zone) ? { ...layout, margin: { ...margin, b: margin.b + 15 } } : layout;
  }

  /* ---- What a point says when it is pointed at. */
  function words(number, { unit, decimals, kind }) {
    if (kind === "flag") return number > 0 ? "on" : "off";
    return andon.format(number, decimals) + (unit ? " " + unit : "");
  }

  function sayings(trace, meta) {
    if (!trace.hovertemplate) return trace;
    const half = (meta.step_ms || 0) / 2;
    const text = trace.x.map((x, i) => {
      const y = trace.y[i];
      if (y == null) return "";
      const counted = trace.customdata && trace.customdata[i];
      if (!half) return `${secondStamp(x, meta.zone)}<br><b>${words(y, meta)}</b>`;
      const from =
        stamp(x - half, meta.zone) + " – " + minuteText(wall(x + half, meta.zone)) + beside(x - half, meta.zone, minuteText, x + half);
      const readings = counted ? `<br>${andon.format(counted[2], 0)} reading${counted[2] === 1 ? "" : "s"}` : "";
      if (meta.kind === "flag") return `${from}<br><b>on in ${andon.format(y * 100, 1)} %</b>${readings}`;
      const between =
        counted && counted[0] != null
          ? `<br>${andon.format(counted[0], meta.decimals)} to ${words(counted[1], meta)}`
          : "";
      const mean = meta.kind === "increment" ? "" : "mean ";
      return `${from}<br><b>${mean}${words(y, meta)}</b>${between}${readings}`;
    });
    return { ...trace, text };
  }

  const plotWidth = (id, margin) =>
    Math.max(120, (document.getElementById(id)?.clientWidth || 900) - margin.l - margin.r);

  /* A wall screen raises the page's root size, and the charts' writing with it. */
  function scaled(layout) {
    const by = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    if (by === 1) return layout;
    const font = (part) => ({ ...part, size: part.size * by });
    const axis = (part) => ({ ...part, tickfont: font(part.tickfont) });
    const margin = Object.fromEntries(Object.entries(layout.margin).map(([side, width]) => [side, width * by]));
    return {
      ...layout,
      margin,
      font: font(layout.font),
      xaxis: axis(layout.xaxis),
      yaxis: axis(layout.yaxis),
      hoverlabel: { ...layout.hoverlabel, font: font(layout.hoverlabel.font) },
      annotations: (layout.annotations || []).map((one) => ({ ...one, font: font(one.font) })),
    };
  }

  function dressed(id, figure) {
    const width = plotWidth(id, figure.layout.margin);
    const layout = scaled(withRoom(figure.layout, width));
    const axis = withTicks(layout.xaxis, layout.meta.zone, width);
    return paint({ ...figure, layout: { ...layout, xaxis: axis } }, reader());
  }

  /* ---- A chart as a picture. By way of SVG: an image has no fonts but those that it brings along. */
  const SCALE = 2;

  async function savePicture(figure, name) {
    const { width, height } = figure.layout;
    const address = await window.Plotly.toImage(figure, { format: "svg", width, height });
    const drawing = decodeURIComponent(address.slice(address.indexOf(",") + 1)).replace(
      /<svg[^>]*>/,
      `$&<style>${await fontFace()}</style>`,
    );
    const image = new Image();
    image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(drawing);
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: width * SCALE, height: height * SCALE });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => {
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
      link.click();
      window.setTimeout(() => URL.revokeObjectURL(link.href), 10 * SECOND);
    });
  }

  async function fontFace() {
    try {
      const bytes = await (await fetch("/assets/fonts/inter-latin.woff2")).blob();
      const address = await new Promise((done) => {
        const file = new FileReader();
        file.onload = () => done(file.result);
        file.readAsDataURL(bytes);
      });
      return `@font-face { font-family: "Inter Variable"; font-weight: 100 900; src: url(${address}); }`;
    } catch (away) {
      return ""; // the picture is in the system's font then
    }
  }

  andon.charts = {
    reader,
    wall,
    instant,
    two,
    minuteText,
    secondStamp,
    ticks,
    withTicks,
    words,
    sayings,
    dressed,
    paint,
    scaled,
    savePicture,
  };
})();

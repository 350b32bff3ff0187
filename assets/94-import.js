/* andon.FileDrop: a file dropped or chosen is sent as it is, with a bar, and its import is opened.
   andon.FileSeries: what is in the file, drawn over its own span. */
(function () {
  "use strict";
  const andon = window.andon;
  const { createElement: h, useEffect, useRef, useState } = window.React;
  const MB = 1e6;
  const size = (bytes) =>
    bytes >= 1e9 ? andon.format(bytes / 1e9, 2) + " GB" : bytes >= MB ? andon.format(bytes / MB, 1) + " MB" : andon.format(bytes / 1000, 0) + " kB";

  function go(address) {
    window.history.pushState({}, "", address);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  }

  function reason(request) {
    if (request.status === 401) return "Your sign-in has ended. Load the page again and sign in.";
    try {
      const answer = JSON.parse(request.responseText);
      return answer.detail || answer.title;
    } catch (words) {
      return "The server did not take the file. Try again in a moment.";
    }
  }

  andon.FileDrop = function FileDrop({ id, url, most_bytes, label, hint }) {
    const input = useRef(null);
    const running = useRef(null);
    const [over, setOver] = useState(false);
    const [sent, setSent] = useState(null); // {name, total, done} while it is sent
    const [error, setError] = useState("");
    useEffect(() => () => running.current && running.current.abort(), []);

    function send(file) {
      if (!file || running.current) return;
      setError("");
      if (!file.size) return setError(`${file.name} is empty.`);
      if (file.size > most_bytes) return setError(`${file.name} has ${size(file.size)}; at most ${size(most_bytes)} are taken.`);
      const request = new XMLHttpRequest();
      running.current = request;
      setSent({ name: file.name, total: file.size, done: 0 });
      request.upload.onprogress = (event) => setSent({ name: file.name, total: file.size, done: event.loaded });
      request.onload = () => {
        running.current = null;
        if (request.status === 201) return go(JSON.parse(request.responseText).href);
        setSent(null);
        setError(reason(request));
      };
      request.onerror = () => {
        running.current = null;
        setSent(null);
        setError("The connection was lost. Nothing is kept of the file; choose it again.");
      };
      request.onabort = () => {
        running.current = null;
        setSent(null);
      };
      request.open("POST", url + "?name=" + encodeURIComponent(file.name));
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.send(file);
    }

    function drag(event, inside) {
      event.preventDefault();
      setOver(inside);
    }

    const share = sent ? Math.min(100, Math.round((100 * sent.done) / sent.total)) : 0;
    const sending = sent
      ? h("div", { className: "file-sending" },
          h("p", null, h("b", null, sent.name), ` is being sent: ${share} % of ${size(sent.total)}`),
          h("div", { className: "progress", role: "progressbar", "aria-label": `Sending ${sent.name}`, "aria-valuenow": share,
            "aria-valuemin": 0, "aria-valuemax": 100 }, h("div", { style: { width: share + "%" } })),
          h("button", { type: "button", className: "btn plain", onClick: () => running.current && running.current.abort() }, "Cancel"))
      : h("div", { className: "file-choose" },
          h("button", { type: "button", className: "btn solid", onClick: () => input.current.click() }, label || "Choose a file"),
          h("p", { className: "muted" }, hint));
    return h(
      "div",
      { id: andon.domId(id), className: "file-drop" + (over ? " over" : ""), onDragOver: (event) => drag(event, true),
        onDragLeave: (event) => drag(event, false),
        onDrop: (event) => {
          drag(event, false);
          send(event.dataTransfer.files[0]);
        } },
      h("input", { ref: input, type: "file", hidden: true, accept: ".csv,.txt,.tsv,text/*", tabIndex: -1, "aria-hidden": true,
        onChange: (event) => {
          send(event.target.files[0]);
          event.target.value = "";
        } }),
      sending,
      h("p", { role: "alert", className: error ? "notice critical" : "sr-only" }, error),
    );
  };

  const W = 1000, H = 96, AIR = 6;

  /* From the least to the greatest of each stretch of time, as one area; broken where the file has nothing for three of them. */
  function areas(points, x, y) {
    const steps = points.slice(1).map((point, i) => point[0] - points[i][0]).sort((a, b) => a - b);
    const longest = 3 * (steps[steps.length >> 1] || 1);
    const runs = [];
    points.forEach((point, i) => {
      if (i === 0 || point[0] - points[i - 1][0] > longest) runs.push([]);
      runs[runs.length - 1].push(point);
    });
    return runs.map((run) => {
      const there = run.map(([t, , high]) => `${x(t)} ${y(high)}`);
      const back = run.map(([t, low]) => `${x(t)} ${y(low)}`).reverse();
      return "M" + [...there, ...back].join("L") + "Z";
    });
  }

  andon.FileSeries = function FileSeries({ id, name, unit, points, first, last }) {
    const low = Math.min(...points.map((point) => point[1]));
    const high = Math.max(...points.map((point) => point[2]));
    const start = points[0][0];
    const width = Math.max(points[points.length - 1][0] - start, 1);
    const round = (number) => Math.round(number * 10) / 10;
    const x = (t) => round(((t - start) / width) * W);
    const y = (value) => round(H - AIR - ((value - low) / (high - low || 1)) * (H - 2 * AIR));
    const words = `${andon.format(low)} to ${andon.format(high)} ${unit || ""}`.trim();
    return h(
      "figure",
      { id: andon.domId(id), className: "file-series" },
      h("figcaption", null, h("b", null, name), h("span", { className: "muted" }, words)),
      h("svg", { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", role: "img", "aria-label": `${name} from ${first} to ${last}: ${words}` },
        areas(points, x, y).map((d, i) => h("path", { key: i, d }))),
    );
  };
})();

/* The playground of GraphQL: asks /graphql as the person who is signed in; subscriptions go over a WebSocket (graphql-transport-ws). */
(function () {
  "use strict";
  const EXAMPLES = {
    "The plant now": `query Plant {
  machines { machineId name location status }
  machinesStatus {
    machineId temperature vibration
    productionCount fault lastUpdated
  }
  systemStats {
    totalMachines activeMachines activeAlerts
    totalMeasurements
    avgSystemTemperature maxSystemVibration
  }
}`,
    "Latest measurements": `query Latest($machine: String, $limit: Int) {
  measurements(machineId: $machine, limit: $limit) {
    machineId timestamp
    values { key value }
  }
}`,
    "Open alerts": `query Open {
  alerts(resolved: false) { id machineId alertType severity message createdAt }
}`,
    "Close an alert": `mutation Close($id: ID!) {
  resolveAlert(alertId: $id) { id resolved resolvedAt }
}`,
    "What happens, live": `subscription Live {
  liveMachineData {
    machineId temperature vibration
    productionCount fault lastUpdated
  }
}`,
    "New alerts, live": `subscription Alerts {
  newAlert { id machineId severity message createdAt }
}`,
  };
  const VARIABLES = { "Latest measurements": '{"machine": null, "limit": 10}', "Close an alert": '{"id": "1"}' };
  const SCHEMA = `{ __schema { queryType { name } mutationType { name } subscriptionType { name } types { name kind description
    fields { name description args { name type { ...T } defaultValue } type { ...T } } } } }
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }`;
  const $ = (id) => document.getElementById(id);
  let socket = null;

  function say(text, wrong = false) {
    $("status").textContent = text;
    $("status").classList.toggle("wrong", wrong);
  }

  function show(result, text) {
    $("result").textContent = JSON.stringify(result, null, 2);
    const errors = result.errors || (Array.isArray(result) ? result : null);
    say(errors ? errors.map((each) => each.message).join(" · ") : text, Boolean(errors));
  }

  async function ask(body) {
    const answer = await fetch("/graphql", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    if (answer.status === 401) window.location.assign("/sign-in?next=/graphql");
    return answer.json();
  }

  function stop(text) {
    if (socket) {
      const closing = socket;
      socket = null;
      closing.close(1000);
    }
    $("stop").disabled = true;
    $("run").disabled = false;
    if (text) say(text);
  }

  function follow(body) {
    const opened = new WebSocket(`${window.location.origin.replace(/^http/, "ws")}/graphql`, "graphql-transport-ws");
    let count = 0;
    socket = opened;
    $("stop").disabled = false;
    $("run").disabled = true;
    say("Waiting for the first event …");
    $("result").textContent = "";
    opened.onopen = () => opened.send(JSON.stringify({ type: "connection_init" }));
    opened.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.type === "connection_ack") opened.send(JSON.stringify({ id: "1", type: "subscribe", payload: body }));
      else if (message.type === "ping") opened.send(JSON.stringify({ type: "pong" }));
      else if (message.type === "next") show(message.payload, `Event ${(count += 1)}, at ${new Date().toLocaleTimeString()}`);
      else if (message.type === "error") { show(message.payload, ""); stop(""); }
      else if (message.type === "complete") stop("It has ended.");
    };
    opened.onclose = (event) => {
      if (socket === opened) stop(event.reason ? `Closed: ${event.reason}` : "The connection was closed. Run it again.");
    };
  }

  async function run() {
    let variables = null;
    try {
      variables = $("variables").value.trim() ? JSON.parse($("variables").value) : null;
    } catch (wrong) {
      return say("The variables are not JSON.", true);
    }
    const query = $("query").value;
    const body = { query, variables };
    window.sessionStorage.setItem("andon-graphql", query);
    stop("");
    const kind = query.replace(/#.*$/gm, "").match(/(?:^|\})\s*(query|mutation|subscription)\b/);
    if (kind && kind[1] === "subscription") return follow(body);
    say("Asking …");
    const began = performance.now();
    try {
      show(await ask(body), `Answered in ${Math.round(performance.now() - began)} ms`);
    } catch (lost) {
      say("No answer: the server cannot be reached. Try again.", true);
    }
  }

  function type(of) {
    if (of.kind === "NON_NULL") return `${type(of.ofType)}!`;
    return of.kind === "LIST" ? `[${type(of.ofType)}]` : of.name;
  }

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function draw(schema) {
    const first = [schema.queryType, schema.mutationType, schema.subscriptionType].filter(Boolean).map((each) => each.name);
    const rank = (each) => (first.includes(each.name) ? first.indexOf(each.name) : first.length);
    const shown = schema.types.filter((each) => each.kind === "OBJECT" && !each.name.startsWith("__"));
    shown.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name)).forEach((each) => {
      const box = element("details");
      box.open = rank(each) === 0;
      box.append(element("summary", each.name));
      if (each.description) box.append(element("p", each.description, "muted hint"));
      const list = element("ul");
      each.fields.forEach((field) => {
        const line = element("li");
        const given = field.args.map((one) => `${one.name}: ${type(one.type)}${one.defaultValue && one.defaultValue !== "null" ? ` = ${one.defaultValue}` : ""}`);
        const name = element("code", field.name + (given.length ? `(${given.join(", ")})` : ""));
        line.append(name, element("code", `: ${type(field.type)}`, "type"));
        if (field.description) line.append(element("p", field.description));
        list.append(line);
      });
      box.append(list);
      $("schema").append(box);
    });
    $("schema-status").hidden = true;
  }

  Object.keys(EXAMPLES).forEach((name) => $("example").append(new Option(name)));
  function choose() {
    $("query").value = EXAMPLES[$("example").value];
    $("variables").value = VARIABLES[$("example").value] || "";
  }
  $("example").addEventListener("change", choose);
  choose();
  $("query").value = window.sessionStorage.getItem("andon-graphql") || $("query").value;
  $("run").addEventListener("click", run);
  $("stop").addEventListener("click", () => stop("Stopped."));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  });
  ask({ query: SCHEMA }).then((answer) => draw(answer.data.__schema)).catch(() => {
    $("schema-status").textContent = "The schema could not be read. Load the page again.";
  });
})();

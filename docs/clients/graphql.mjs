// Asks Andon by GraphQL and subscribes, without a library (graphql-transport-ws). A module for a browser, a program for Node:
//
//     node graphql.mjs
//
// PLANT_URL, and PLANT_TOKEN or PLANT_EMAIL with PLANT_PASSWORD, come from the environment.
import { signIn } from "./follow.mjs";

export async function ask(url, query, variables = {}, token = null) {
  const headers = { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const answer = await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await answer.json();
  if (errors) throw new Error(errors.map((each) => each.message).join("; "));
  return data;
}

// Gives a function that ends it. A page of the same server needs no token: the session's cookie signs in.
export async function subscribe(url, query, onData, token = null) {
  const Socket = globalThis.WebSocket ?? (await import("ws")).default; // Node before 22 has none of its own
  const socket = new Socket(`${url.replace(/^http/, "ws")}/graphql`, "graphql-transport-ws");
  const say = (message) => socket.send(JSON.stringify(message));
  socket.onopen = () => say({ type: "connection_init", payload: token ? { Authorization: `Bearer ${token}` } : {} });
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "connection_ack") say({ id: "1", type: "subscribe", payload: { query } });
    else if (message.type === "ping") say({ type: "pong" });
    else if (message.type === "next") onData(message.payload.data, message.payload.errors);
    else if (message.type === "error") onData(null, message.payload);
  };
  return () => socket.close();
}

if (globalThis.process && process.argv[1] === new URL(import.meta.url).pathname) {
  const { PLANT_URL: url = "http://localhost:8050", PLANT_TOKEN, PLANT_EMAIL, PLANT_PASSWORD } = process.env;
  const token = PLANT_TOKEN ?? (await signIn(url, PLANT_EMAIL, PLANT_PASSWORD));
  console.log(JSON.stringify(await ask(url, "{ machines { machineId name status } }", {}, token)));
  const live = "subscription { liveMachineData { machineId temperature vibration productionCount fault lastUpdated } }";
  await subscribe(url, live, (data, errors) => console.log(JSON.stringify(errors ?? data)), token);
}

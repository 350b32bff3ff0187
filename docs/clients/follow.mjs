// Follows devices and alerts over Andon's WebSocket, without a gap after a break. A module for a browser, a program for Node:
//
//     node follow.mjs [DEVICE …]        every device where none is named
//
// PLANT_URL, and PLANT_TOKEN or PLANT_EMAIL with PLANT_PASSWORD, come from the environment.
const REMEMBERED = 10_000; // ids of events that we had: one may come twice after a break
const PING_MS = 15_000;

async function socketClass() {
  return globalThis.WebSocket ?? (await import("ws")).default; // Node before 22 has none of its own
}

// options: url; token (a function that gives one, or nothing where a cookie signs in); devices (none: all); alerts; onEvent.
// Gives a function that ends it.
export function follow({ url, token = null, devices = [], alerts = true, onEvent, onBreak = () => {} }) {
  let last = null, socket = null, pause = 1000, ended = false;
  const had = new Set();

  function heed(event) {
    if (event.id !== null) {
      if (had.has(event.id)) return;
      had.add(event.id);
      if (had.size > REMEMBERED) had.delete(had.values().next().value);
      if (event.event !== "connection-status" || last === null) last = event.id;
    }
    if (event.event === "error" && event.data.field === "lastEventId") last = null; // too long ago: the rest is in the history
    onEvent(event);
  }

  async function open() {
    const Socket = await socketClass();
    let signIn = null;
    try {
      signIn = token ? await token() : null;
    } catch (error) {
      return again(error.message);
    }
    socket = new Socket(`${url.replace(/^http/, "ws")}/ws`);
    const say = (event, data = {}) => socket.send(JSON.stringify({ event, data }));
    let alive = true;
    const heart = setInterval(() => {
      if (!alive) return socket.close();
      alive = false;
      if (socket.readyState === 1) say("ping");
    }, PING_MS);
    socket.onopen = () => {
      if (signIn) say("authenticate", { token: signIn });
      const wanted = { deviceIds: devices.length ? devices : ["*"] };
      if (last) return say("resume", { lastEventId: last, ...wanted, alerts });
      say("subscribe-device", wanted);
      if (alerts) say("subscribe-alerts");
    };
    socket.onmessage = (message) => {
      alive = true;
      pause = 1000;
      heed(JSON.parse(message.data));
    };
    socket.onerror = () => {};
    socket.onclose = (event) => {
      clearInterval(heart);
      again(`${event.code} ${event.reason}`);
    };
  }

  function again(why) {
    if (ended) return;
    onBreak(why);
    setTimeout(open, pause);
    pause = Math.min(pause * 2, 30_000);
  }

  open();
  return () => {
    ended = true;
    if (socket) socket.close();
  };
}

export async function signIn(url, email, password) {
  const answer = await fetch(`${url}/api/v1/auth/login`, { method: "POST", body: new URLSearchParams({ username: email, password }) });
  if (!answer.ok) throw new Error(`signing in: ${answer.status}`);
  return (await answer.json()).access_token;
}

if (globalThis.process && process.argv[1] === new URL(import.meta.url).pathname) {
  const { PLANT_URL: url = "http://localhost:8050", PLANT_TOKEN, PLANT_EMAIL, PLANT_PASSWORD } = process.env;
  follow({
    url, devices: process.argv.slice(2), token: () => PLANT_TOKEN ?? signIn(url, PLANT_EMAIL, PLANT_PASSWORD),
    onEvent: (event) => console.log(JSON.stringify(event)), onBreak: (why) => console.error(`again: ${why}`),
  });
}

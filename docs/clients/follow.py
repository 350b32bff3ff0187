"""Follows devices and alerts over Andon's WebSocket: one line of JSON for each event, no gap after a break.

    python follow.py [DEVICE …]        every device where none is named

PLANT_URL, and PLANT_TOKEN or PLANT_EMAIL with PLANT_PASSWORD, come from the environment. Needs `pip install websockets`.
"""

import json
import os
import sys
import time
import urllib.parse
import urllib.request
from collections import OrderedDict

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

URL = os.environ.get("PLANT_URL", "http://localhost:8050")
REMEMBERED = 10_000  # ids of events that we had: one may come twice after a break


def token() -> str:
    """A bearer token: the one that is given, else by e-mail address and password. It is good for half an hour."""
    if "PLANT_TOKEN" in os.environ:
        return os.environ["PLANT_TOKEN"]
    form = urllib.parse.urlencode({"username": os.environ["PLANT_EMAIL"], "password": os.environ["PLANT_PASSWORD"]})
    with urllib.request.urlopen(f"{URL}/api/v1/auth/login", form.encode()) as answer:
        return json.load(answer)["access_token"]


def subscriptions(devices: list[str], last: str | None) -> list[dict]:
    """What to say after each sign-in. From the second time on everything since the last event is asked for."""
    wanted = {"deviceIds": devices or ["*"]}
    if last is not None:
        return [{"event": "resume", "data": {"lastEventId": last, **wanted, "alerts": True}}]
    return [{"event": "subscribe-device", "data": wanted}, {"event": "subscribe-alerts"}]


def follow(devices: list[str]):
    """Every event, for ever."""
    last, had, pause = None, OrderedDict(), 1.0
    while True:
        try:
            with connect(URL.replace("http", "ws", 1) + "/ws", additional_headers={"Authorization": f"Bearer {token()}"}) as socket:
                for message in subscriptions(devices, last):
                    socket.send(json.dumps(message))
                for text in socket:
                    event = json.loads(text)
                    if event["id"] is not None:
                        if event["id"] in had:
                            continue
                        had[event["id"]] = None
                        if len(had) > REMEMBERED:
                            had.popitem(last=False)
                        if event["event"] != "connection-status" or last is None:
                            last = event["id"]
                    if event["event"] == "error" and event["data"]["field"] == "lastEventId":
                        last = None  # too long ago: what lies between is in the history, GET /api/v1/machines/…/measurements
                    pause = 1.0
                    yield event
        except (ConnectionClosed, InvalidStatus, OSError) as error:
            print(f"again in {pause:.0f} s: {error}", file=sys.stderr)
        time.sleep(pause)
        pause = min(pause * 2, 30)


if __name__ == "__main__":
    for told in follow(sys.argv[1:]):
        print(json.dumps(told), flush=True)

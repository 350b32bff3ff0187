"""Asks Andon by GraphQL, then prints what machines report, live. Needs `pip install 'gql[websockets]'`.

PLANT_URL, and PLANT_TOKEN or PLANT_EMAIL with PLANT_PASSWORD, come from the environment.
"""

import asyncio
import json
import os
import urllib.parse
import urllib.request

from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport

URL = os.environ.get("PLANT_URL", "http://localhost:8050")
PLANT = gql("{ machines { machineId name status } systemStats { activeAlerts totalMeasurements } }")
LIVE = gql("subscription { liveMachineData { machineId temperature vibration productionCount fault lastUpdated } }")


def token() -> str:
    """A bearer token: the one that is given, else by e-mail address and password."""
    if "PLANT_TOKEN" in os.environ:
        return os.environ["PLANT_TOKEN"]
    form = urllib.parse.urlencode({"username": os.environ["PLANT_EMAIL"], "password": os.environ["PLANT_PASSWORD"]})
    with urllib.request.urlopen(f"{URL}/api/v1/auth/login", form.encode()) as answer:
        return json.load(answer)["access_token"]


async def main() -> None:
    """Everything over one connection."""
    address = URL.replace("http", "ws", 1) + "/graphql"
    transport = WebsocketsTransport(url=address, init_payload={"Authorization": f"Bearer {token()}"})
    async with Client(transport=transport) as session:
        print(json.dumps(await session.execute(PLANT)), flush=True)
        async for told in session.subscribe(LIVE):
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main())

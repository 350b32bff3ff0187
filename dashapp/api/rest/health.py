"""`GET /api/v1/health`: public, with each part that this replica depends on (source 002 §10.2)."""

import time
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from dashapp.ingest.services import Services

router = APIRouter(prefix="/api/v1", tags=["health"])


@router.get("/health")
def health(request: Request, response: Response) -> dict[str, Any]:
    """200 while readings can be stored and read, else 503. Says nothing of any tenant."""
    services: Services = request.app.state.services
    database = _database(services)
    waiting = services.pipeline.waiting_rows
    queue = "ok" if waiting < services.settings.queue_rows * 0.9 else "full"
    healthy = database["status"] == "connected" and queue == "ok"
    if not healthy:
        response.status_code = 503
    response.headers["Cache-Control"] = "no-store"
    return {
        "status": "healthy" if healthy else "unhealthy",
        "database": database["status"],
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "uptime_s": round(time.time() - services.started_at, 1),
        "dependencies": {
            "database": database,
            "ingest": {"status": queue, "waiting_rows": waiting},
            "notifications_between_replicas": {"status": "connected" if services.listener.connected else "connecting"},
        },
    }


def _database(services: Services) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        with services.database.engine.connect() as connection:
            connection.execute(text("select 1"))
    except Exception:  # whatever the driver says, the answer is the same
        return {"status": "disconnected"}
    return {"status": "connected", "latency_ms": round((time.perf_counter() - began) * 1000, 2)}

"""Andon as an app on a phone: what makes it installable, and the worker that shows the last page without a network (UI-11).

Browsers run the worker only over HTTPS or on localhost. Answers that are given without a network wait in the page (`assets/94-later.js`).
"""

from pathlib import Path

from flask import Flask, Response, jsonify

from dashapp.ui.bundle import asset

HERE = Path(__file__).parent
MANIFEST_PATH, WORKER_PATH = "/manifest.webmanifest", "/worker.js"
PUBLIC_ENDPOINTS = frozenset({"offline.manifest", "offline.worker"})
ICONS = ((192, "any"), (512, "any"), (512, "maskable"))


def register_offline(server: Flask) -> None:
    """The two routes. The worker lies at the root: it answers for what lies beside and below it."""
    server.add_url_rule(MANIFEST_PATH, "offline.manifest", _manifest)
    server.add_url_rule(WORKER_PATH, "offline.worker", _worker)


def offline_links() -> str:
    """What a page says of it in its head."""
    return f'<link rel="manifest" href="{MANIFEST_PATH}">\n<link rel="apple-touch-icon" href="{asset("icon-192.png")}">'


def _manifest() -> Response:
    answer = jsonify(
        name="Andon", short_name="Andon", description="What the machines do, and what needs an answer.", id="/", start_url="/", scope="/",
        display="standalone", background_color="#182026", theme_color="#182026",
        icons=[
            {"src": asset(f"icon-{'maskable-' if purpose == 'maskable' else ''}{size}.png"), "sizes": f"{size}x{size}", "type": "image/png",
             "purpose": purpose}
            for size, purpose in ICONS
        ],
        shortcuts=[{"name": "Alerts", "url": "/alerts"}, {"name": "Devices", "url": "/devices"}],
    )  # fmt: skip
    answer.mimetype = "application/manifest+json"
    return answer


def _worker() -> Response:
    return Response((HERE / "worker.js").read_bytes(), mimetype="text/javascript", headers={"Cache-Control": "no-cache"})

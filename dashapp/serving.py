"""From settings to a running server, and down again in the right order."""

import fcntl
import gc
import logging
import resource
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import uvicorn
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import text
from starlette.types import ASGIApp

from dashapp.actions.access import create_owner
from dashapp.actions.actor import ActionError
from dashapp.actions.keys import ensure_preset_key
from dashapp.actions.plant import ensure_plant
from dashapp.http_protocol import HttpProtocol
from dashapp.ingest.services import Services, make_services
from dashapp.settings import Settings
from dashapp.socket_protocol import SocketProtocol
from db.commands.installation import demo_state
from db.commands.partitions import PartitionKeeper, ensure_ahead
from db.embedded import EmbeddedPostgres
from db.engine import Database, DatabaseSetupError, migrate, open_database
from jobs.connections import ConnectionKeeper
from jobs.demo import ensure_demo
from jobs.imports import ImportRunner
from jobs.table import make_scheduler

log = logging.getLogger("andon")
MESSAGE_BYTES = 65_536  # the largest that a WebSocket client may send: a question with room
MOST_FILES = 65_536
SWITCH_S = 0.0002  # a writer that waits for the event loop's turn holds a transaction open: 5 ms a turn halves the posts a second
GARBAGE = (50_000, 20, 100)  # objects before the youngest are looked through, rounds of these before the older ones are
console = Console(stderr=True, highlight=False)


@contextmanager
def open_system(settings: Settings) -> Iterator[Database]:
    """The migrated database: the embedded one (started or adopted) or the one that the URLs name.

    Whoever leaves the embedded one last stops it: a command beside a running server leaves it running, and so does a second server.
    """
    embedded = users = None
    if settings.database_url is None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        users = (settings.data_dir / "users.lock").open("a")
        fcntl.flock(users, fcntl.LOCK_SH)
        embedded = EmbeddedPostgres(settings.data_dir)
        embedded.start()
        embedded.watch()
        database = open_database(embedded.url("app"), embedded.url("owner"))
    else:
        if settings.owner_database_url is None:
            raise DatabaseSetupError("With DATABASE_URL set, ANDON_OWNER_DATABASE_URL must name the same database as its owner's role.")
        database = open_database(settings.database_url.get_secret_value(), settings.owner_database_url.get_secret_value())
    try:
        migrate(database)
        yield database
    finally:
        database.dispose()
        if embedded is not None:
            embedded.unwatch()
        if embedded is not None and users is not None:
            with users, suppress(BlockingIOError):  # somebody else uses it: it is theirs to stop
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                embedded.stop()


def prepare(settings: Settings, database: Database) -> tuple[int, str | None]:
    """Tenants, partitions, owner, preset key, demo fleet: (id of the own plant, set-up code while there is no owner)."""
    now = datetime.now(UTC)
    ensure_ahead(database, now, settings.partition_by, settings.partitions_ahead)
    plant_id = ensure_plant(database, settings)
    key_tenant = plant_id
    with database.engine.connect() as connection:
        wanted = demo_state(connection).is_wanted(by_settings=settings.demo)
    if wanted:
        with demo_progress(settings) as progress:
            key_tenant = ensure_demo(database, days=settings.demo_days, span=settings.partition_by, now=now, progress=progress)
    if settings.ingest_key is not None:
        ensure_preset_key(database, key_tenant, settings.ingest_key.get_secret_value())
    return plant_id, ensure_owner(settings, database, plant_id)


@contextmanager
def demo_progress(settings: Settings) -> Iterator[Callable[[float, str], None]]:
    """A bar on the console for the making of the demo plant: called with the share that is done and a note."""
    columns = (TextColumn("{task.description}"), BarColumn(40), TextColumn("{task.fields[note]}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"Demo plant, {settings.demo_days} days", total=1.0, note="")
        done = 0.0

        def progress(share: float, note: str) -> None:
            nonlocal done
            done = share if share >= 0.86 else min(done + share, 0.86)
            bar.update(task, completed=done, note=note)

        yield progress


def ensure_owner(settings: Settings, database: Database, plant_id: int) -> str | None:
    """Makes the owner that the settings name; otherwise a set-up code, while nobody is there."""
    with database.engine.connect() as connection:
        if connection.execute(text("select andon_has_users()")).scalar_one():
            return None
    if settings.owner_email and settings.owner_password:
        create_owner(
            database, tenant_id=plant_id, email=settings.owner_email, name=settings.owner_email.partition("@")[0],
            password=settings.owner_password.get_secret_value(),
        )  # fmt: skip
        return None
    return "-".join(secrets.token_hex(2) for _ in range(3))


def serve(settings: Settings) -> int:
    """Runs until Ctrl-C or SIGTERM; what was accepted is committed before the end. The exit code."""
    from dashapp.server import create_app

    sys.setswitchinterval(SWITCH_S)
    _allow_connections()
    signal.signal(signal.SIGTERM, _leave)
    began = time.monotonic()
    try:
        with open_system(settings) as database:
            plant_id, code = prepare(settings, database)
            services = make_services(settings, database, PartitionKeeper(database, settings.partition_by))
            services.set_up_code = code
            services.open_tenant_id = plant_id
            server = uvicorn.Server(server_config(create_app(services), settings))
            _run(server, services, settings, code, began)
    except DatabaseSetupError as error:
        console.print(f"[bold]Andon cannot start:[/] {error}")
        return 2
    except ActionError as error:
        console.print(f"[bold]Andon cannot start:[/] ANDON_OWNER_EMAIL, ANDON_OWNER_PASSWORD or ANDON_INGEST_KEY cannot be used: {error}")
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def server_config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the application."""
    return uvicorn.Config(
        app, host=settings.host, port=settings.port, log_level="warning", access_log=False, loop="uvloop", http=HttpProtocol,
        ws=SocketProtocol, ws_max_size=MESSAGE_BYTES, ws_per_message_deflate=False, ws_ping_interval=20, ws_ping_timeout=20, lifespan="on",
        timeout_graceful_shutdown=10, timeout_keep_alive=75, proxy_headers=True, forwarded_allow_ips=settings.trusted_proxies,
        server_header=False, backlog=4096,
    )  # fmt: skip


def _allow_connections() -> None:
    """Raises the soft limit of open files, which is 1,024 in many places, as far as may be: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _leave(_signal: int, _frame: object) -> None:
    """SIGTERM, which uvicorn raises again once it has stopped: the database is still to be stopped, so the process ends by returning."""
    raise SystemExit(0)


def _settle_heap() -> None:
    """What is loaded stays: looking through it for garbage again and again holds every post up for 50 to 100 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def _run(server: uvicorn.Server, services: Services, settings: Settings, code: str | None, began: float) -> None:
    from dashapp.server import register_itself

    scheduler = make_scheduler(services) if settings.jobs else None
    imports = ImportRunner(services)
    connections = ConnectionKeeper(services, register_itself) if settings.connections else None
    loop, halt = server.main_loop, server.shutdown

    async def main_loop() -> None:
        _settle_heap()
        if scheduler is not None:
            scheduler.start()
        imports.start()
        if connections is not None:
            connections.start()
        _greet(server, settings, code, timedelta(seconds=time.monotonic() - began))
        await loop()

    async def shutdown(sockets: list[socket.socket] | None = None) -> None:
        if connections is not None:
            connections.stop()
        imports.stop()
        if scheduler is not None:
            scheduler.stop()
        await halt(sockets)

    server.main_loop, server.shutdown = main_loop, shutdown  # type: ignore[method-assign]
    try:
        server.run()
    finally:  # a stop that comes while it starts goes past `shutdown`
        if connections is not None:
            connections.stop()
        imports.stop()
        if scheduler is not None:
            scheduler.stop()
        services.stop()
    if not server.started:
        console.print(f"[bold]Port {settings.port} on {settings.host} cannot be listened on:[/] set ANDON_PORT to another one.")


def _greet(server: uvicorn.Server, settings: Settings, code: str | None, took: timedelta) -> None:
    port = next((s.getsockname()[1] for one in server.servers for s in one.sockets), settings.port)
    shown = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::") else settings.host
    console.print(f"\n[bold]Andon[/] is ready at [bold]http://{shown}:{port}[/]  ({took.total_seconds():.1f} s)")
    if code:
        console.print(f"Create the owner there with the set-up code [bold]{code}[/]")
    console.print("Ctrl-C stops it; the next start goes on where it was.\n")

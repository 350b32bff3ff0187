"""Every setting once: name, type, default, one line of help. `docs/configuration.md` is checked against this file by a test."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

VERSION = "0.1.0"  # as pyproject.toml and CHANGELOG.md have it


class Settings(BaseSettings):
    """Read from the environment (`ANDON_*`), then from a file named `.env` in the working directory."""

    model_config = SettingsConfigDict(env_prefix="ANDON_", env_file=".env", extra="ignore", populate_by_name=True)

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for every interface.")
    port: int = Field(8050, ge=0, le=65535, description="Port of pages, API and health together.")
    data_dir: Path = Field(Path("var"), description="Where the embedded database, caches and secrets live.")
    database_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("DATABASE_URL", "database_url"),
        description="PostgreSQL (15 or newer) as the application's role; unset starts the embedded PostgreSQL 18.",
    )
    owner_database_url: SecretStr | None = Field(
        None, description="The same database as the role that owns the tables: migrations and partitions. Needed with DATABASE_URL."
    )
    demo: bool = Field(True, description="1 creates the simulated fleet with 30 days of history; 0 starts an empty plant.")
    demo_days: int = Field(30, ge=0, le=400, description="Days of history that the demo fleet starts with.")
    owner_email: str | None = Field(None, description="With ANDON_OWNER_PASSWORD: creates the owner at the start, no set-up code.")
    owner_password: SecretStr | None = Field(None, description="The owner's first password (at least 12 characters).")
    ingest_key: SecretStr | None = Field(
        None, description="Presets an ingest key for scripts: of the demo plant while there is one, else of your own plant."
    )
    open_ingest: bool = Field(False, description="1 takes readings without a key, into your own plant: for trying things out only.")
    auto_register: bool = Field(False, description="1 lets an unknown device register itself in your own plant when it first reports.")
    plant_name: str = Field("Plant", description="Name of your own plant, used when it is created.")
    plant_zone: str = Field("UTC", description="IANA time zone of your own plant, used when it is created.")
    queue_rows: int = Field(200_000, ge=1000, description="Readings that may wait to be stored; beyond it doors answer 503.")
    slice_rows: int = Field(5_000, ge=100, le=50_000, description="Most readings in one transaction.")
    body_bytes: int = Field(8_000_000, ge=10_000, description="Largest request body taken, in bytes.")
    upload_bytes: int = Field(2_000_000_000, ge=1_000_000, description="Largest file that a page takes for an import, in bytes.")
    future_s: int = Field(300, ge=0, description="How far ahead of the server's clock a reading may be, in seconds.")
    partition_by: Literal["month", "week", "day"] = Field("month", description="Span of one partition of readings.")
    partitions_ahead: int = Field(2, ge=1, le=24, description="How many partitions are made in advance.")
    session_hours: int = Field(12, ge=1, le=720, description="Hours after which a sign-in without activity ends.")
    token_minutes: int = Field(30, ge=1, le=1440, description="Minutes that an API token (JWT) is valid.")
    refresh_days: int = Field(30, ge=1, le=90, description="Days after a sign-in by which a program has to sign in anew.")
    registration: bool = Field(False, description="1 lets anybody make an account as a viewer of your own plant: for trying things out.")
    rate_strangers: int = Field(100, ge=0, description="Requests a minute from one network address before it says who it is; 0: any.")
    rate_programs: int = Field(6_000, ge=0, description="Requests a minute of one person or key to the API; 0: any number.")
    rate_ingest: int = Field(600_000, ge=0, description="Posts of readings a minute with one key; 0: any number.")
    rate_pages: int = Field(6_000, ge=0, description="Requests a minute of the open pages of one session or wall screen; 0: any number.")
    cors_origins: str | None = Field(None, description="Web addresses whose pages may call the API, comma separated; * for all.")
    secure_cookies: Literal["auto", "1", "0"] = Field("auto", description="Secure flag on cookies: auto sets it on HTTPS requests.")
    trusted_proxies: str = Field("127.0.0.1", description="Proxies whose X-Forwarded-For/Proto are believed, comma separated; * for all.")
    live_poll_ms: int = Field(1000, ge=250, le=60_000, description="How often an open page asks for what changed.")
    shelve_operator_hours: int = Field(8, ge=1, le=720, description="Longest time, in hours, for which an operator may shelve an alert.")
    shelve_manager_hours: int = Field(168, ge=1, le=2160, description="The same for managers and admins; until it clears has no limit.")
    sockets: int = Field(4000, ge=1, description="Most WebSocket connections of one replica, GraphQL's among them.")
    resume_minutes: int = Field(15, ge=1, le=240, description="How long after a break a WebSocket client can resume without loss.")
    oee_target_percent: int = Field(85, ge=1, le=100, description="The OEE that is aimed at: gauges and trends show it.")
    jobs: bool = Field(True, description="0 keeps this replica from running jobs (another one does).")
    connections: bool = Field(True, description="0 keeps this replica from running connections to MQTT and Kafka (another one does).")
    secrets_dir: Path | None = Field(
        None, description="Folder of secret files for connections, a folder for each plant in it; unset: secrets in ANDON_DATA_DIR."
    )
    broker_hosts: str | None = Field(
        None, description="Hosts of brokers that connections may name, comma separated, * stands for any text; unset: every host."
    )
    public_url: str | None = Field(None, description="Address under which people reach this server: links in notices begin with it.")
    notify_allow: str | None = Field(
        None, description="Hosts and networks that are not public and that notices may go to all the same, comma separated."
    )
    notify_timeout_s: int = Field(20, ge=2, le=120, description="Longest time that sending one notice may take.")
    notify_digest_from: int = Field(10, ge=2, description="So many notices to one recipient within the next setting become one.")
    notify_digest_s: int = Field(60, ge=5, le=3600, description="Window of a flood, and the time between two digests of one.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe log line that is written.")

    @property
    def embedded(self) -> bool:
        """Whether the PostgreSQL from the wheel is used."""
        return self.database_url is None

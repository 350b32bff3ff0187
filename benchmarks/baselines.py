"""What the doors are measured against: PostgreSQL itself by binary COPY, and the ORM with a trigger that the first designs had."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import BigInteger, DateTime, Float, String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.plant import Plant
from db.binary import POSTGRES_EPOCH_US

COPY = "copy readings (tenant_id, sensor_id, time, value) from stdin with (format binary)"
COPY_HEAD, COPY_TAIL = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"
COPY_ROW = np.dtype(
    [
        ("fields", ">i2"), ("tenant_size", ">i4"), ("tenant", ">i4"), ("sensor_size", ">i4"), ("sensor", ">i4"),
        ("time_size", ">i4"), ("time", ">i8"), ("value_size", ">i4"), ("value", ">f8"),
    ]
)  # fmt: skip
TRIGGER = """
create schema if not exists baseline;
create table if not exists baseline.thresholds (sensor_type text primary key, warning float8 not null, critical float8 not null);
create table if not exists baseline.alerts (
  id bigserial primary key, reading_id bigint not null, device_id text not null, severity text not null,
  created_at timestamptz default now());
create table if not exists baseline.readings (
  id bigserial primary key, device_id text not null, sensor_type text not null, value float8 not null, unit text not null,
  timestamp timestamptz not null);
create index if not exists readings_device on baseline.readings (device_id, sensor_type, timestamp desc);
create or replace function baseline.check_threshold() returns trigger language plpgsql as $$
declare t baseline.thresholds;
begin
  select * into t from baseline.thresholds where sensor_type = new.sensor_type;
  if new.value > t.critical then
    insert into baseline.alerts (reading_id, device_id, severity) values (new.id, new.device_id, 'critical');
  elsif new.value > t.warning then
    insert into baseline.alerts (reading_id, device_id, severity) values (new.id, new.device_id, 'warning');
  end if;
  return new;
end $$;
drop trigger if exists check_threshold on baseline.readings;
create trigger check_threshold after insert on baseline.readings for each row execute function baseline.check_threshold();
insert into baseline.thresholds select 's' || n, 80, 95 from generate_series(0, 9) n on conflict do nothing;
"""


class Base(DeclarativeBase):
    """Of the baseline's one table."""


class Reading(Base):
    """One reading as the first designs kept it."""

    __tablename__ = "readings"
    __table_args__ = {"schema": "baseline"}  # noqa: RUF012
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    device_id: Mapped[str] = mapped_column(String)
    sensor_type: Mapped[str] = mapped_column(String)
    value: Mapped[float] = mapped_column(Float)
    unit: Mapped[str] = mapped_column(String)
    timestamp: Mapped[datetime] = mapped_column(DateTime(timezone=True))


def copy_rate(plant: Plant, sensor_ids: Sequence[int], seconds: float) -> float:
    """Rows a second into `readings` by one connection that bypasses row security, each sensor twice in 1,000 rows a transaction."""
    rows = np.zeros(2 * len(sensor_ids), COPY_ROW)
    rows["fields"], rows["tenant"], rows["sensor"] = 4, plant.tenant_id, np.tile(np.asarray(sensor_ids), 2)
    for name, size in (("tenant_size", 4), ("sensor_size", 4), ("time_size", 8), ("value_size", 8)):
        rows[name] = size
    rows["value"] = 20.5 + np.arange(len(rows)) % 50
    half = np.repeat([0, 1], len(sensor_ids))
    with plant.superuser() as connection:
        done, last_us = 0, time.time_ns() // 1000
        began = time.perf_counter()
        while (took := time.perf_counter() - began) < seconds:
            now_us = max(time.time_ns() // 1000, last_us + 2)
            rows["time"] = np.where(half, now_us, last_us + (now_us - last_us) // 2) - POSTGRES_EPOCH_US
            last_us = now_us
            with connection.cursor() as cursor, cursor.copy(COPY) as copy:
                copy.write(COPY_HEAD + rows.tobytes() + COPY_TAIL)
            done += len(rows)
    return done / took


def orm_rate(plant: Plant, seconds: float) -> float:
    """Rows a second by SQLAlchemy's ORM, one a transaction, with a threshold trigger; one connection, no HTTP."""
    engine = create_engine(plant.superuser_url)
    try:
        with engine.begin() as connection:
            connection.connection.driver_connection.execute(TRIGGER)  # type: ignore[union-attr]  # a whole script at once
        done, began = 0, time.perf_counter()
        with Session(engine) as session:
            while (took := time.perf_counter() - began) < seconds:
                session.add(_reading(done))
                session.commit()
                done += 1
        return done / took
    finally:
        engine.dispose()


def _reading(number: int) -> Reading:
    device, sensor = f"d{number % 100}", f"s{number % 5}"
    return Reading(device_id=device, sensor_type=sensor, value=20.5 + number % 62, unit="°C", timestamp=datetime.now(UTC))

"""What a tenant's devices and sensors are called: the in-memory look-up of every door and page.

Loaded from the database on first use and again when somebody says that it changed (`forget`), in this process or, by NOTIFY,
in another.
"""

import threading
import time
from dataclasses import dataclass, field, replace

from sqlalchemy import text

from db.engine import Database
from db.tenancy import tenant_reading

RELOAD_AT_MOST_EVERY_S = 1.0


class UnknownTenant(LookupError):
    """There is no such tenant, or it was removed."""


@dataclass(frozen=True, slots=True)
class SensorEntry:
    """One sensor as the catalogue knows it; ranges and limits in `unit`, `period_s` in seconds."""

    id: int
    device_key: str
    key: str
    name: str
    unit: str
    kind: str
    normal_low: float | None
    normal_high: float | None
    limit_low: float | None
    limit_high: float | None
    severity: str
    period_s: float


@dataclass(frozen=True, slots=True)
class DeviceEntry:
    """One device with its sensors in their order."""

    id: int
    key: str
    name: str
    place: str
    line: str
    is_machine: bool
    template: str
    status: str
    created_at_us: int
    sensors: dict[str, SensorEntry] = field(default_factory=dict)
    accepts_new: bool = False


@dataclass(frozen=True, slots=True)
class TenantCatalogue:
    """A tenant's devices by key and its sensors by id and by (device key, sensor key)."""

    tenant_id: int
    name: str
    zone: str
    is_demo: bool
    auto_register: bool
    devices: dict[str, DeviceEntry]
    sensors: dict[int, SensorEntry]
    by_name: dict[tuple[str, str], SensorEntry]

    def only(self, device_id: int) -> "TenantCatalogue":
        """What a key of one device may name."""
        devices = {key: device for key, device in self.devices.items() if device.id == device_id}
        by_name = {(key, name): sensor for key, device in devices.items() for name, sensor in device.sensors.items()}
        return replace(self, devices=devices, sensors={each.id: each for each in by_name.values()}, by_name=by_name)


class Catalogue:
    """Every tenant's catalogue, loaded when first asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tenants: dict[int, TenantCatalogue] = {}
        self._loaded_at: dict[int, float] = {}
        self._lock = threading.Lock()

    def of(self, tenant_id: int) -> TenantCatalogue:
        """The tenant's catalogue; raises UnknownTenant where there is no such tenant."""
        return self.known(tenant_id) or self._load(tenant_id, newer_than=float("-inf"))

    def known(self, tenant_id: int) -> TenantCatalogue | None:
        """What is in memory, without asking the database: for the event loop."""
        return self._tenants.get(tenant_id)

    def loaded_tenants(self) -> list[int]:
        """Tenants that are in memory."""
        return list(self._tenants)

    def refreshed(self, tenant_id: int) -> TenantCatalogue:
        """Looked up again, at most once a second: for a name that was not found and may be new."""
        return self._load(tenant_id, newer_than=time.monotonic() - RELOAD_AT_MOST_EVERY_S)

    def forget(self, tenant_id: int) -> None:
        """Call after any change to devices or sensors was committed."""
        with self._lock:  # a load under way may hold what was true before the change
            self._tenants.pop(tenant_id, None)
            self._loaded_at.pop(tenant_id, None)

    def _load(self, tenant_id: int, *, newer_than: float) -> TenantCatalogue:
        with self._lock:
            known = self._tenants.get(tenant_id)  # by somebody who was in the lock before
            if known is not None and self._loaded_at[tenant_id] >= newer_than:
                return known
            began = time.monotonic()
            loaded = self._read(tenant_id)
            self._tenants[tenant_id], self._loaded_at[tenant_id] = loaded, began
            return loaded

    def _read(self, tenant_id: int) -> TenantCatalogue:
        with tenant_reading(self._database.engine, tenant_id) as connection:
            tenant = connection.execute(text("select name, zone, is_demo, settings from tenants")).one_or_none()
            if tenant is None:
                raise UnknownTenant(f"no tenant {tenant_id}")
            devices = {
                row.id: DeviceEntry(**{**row._mapping, "created_at_us": int(row.created_at_us)})
                for row in connection.execute(
                    text(
                        "select id, key, name, place, line, is_machine, template, status, accepts_new,"
                        " extract(epoch from created_at) * 1000000 as created_at_us from devices order by position, key"
                    )
                )
            }
            sensors: dict[int, SensorEntry] = {}
            for row in connection.execute(
                text(
                    "select device_id, id, key, name, unit, kind, normal_low, normal_high, limit_low, limit_high, severity, period_s"
                    " from sensors order by position, id"
                )
            ):
                values = dict(row._mapping)
                device = devices.get(values.pop("device_id"))
                if device is None:  # made since the statement before; who made it says so, and all is read again
                    continue
                entry = SensorEntry(device_key=device.key, **values)
                device.sensors[entry.key] = entry
                sensors[entry.id] = entry
            return TenantCatalogue(
                tenant_id=tenant_id,
                name=tenant.name,
                zone=tenant.zone,
                is_demo=tenant.is_demo,
                auto_register=bool(tenant.settings.get("auto_register", False)),
                devices={device.key: device for device in devices.values()},
                sensors=sensors,
                by_name={(entry.device_key, entry.key): entry for entry in sensors.values()},
            )

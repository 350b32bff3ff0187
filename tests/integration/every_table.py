"""A row of one tenant in every table, made from the catalogue: columns, constraints, foreign keys.

A new table gets its row without a word here. Where one cannot be made, that is an error which names the table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

from sqlalchemy import Connection, text

# Of no tenant: who adds a table here says that every tenant may see it.
INSTALLATION_WIDE = frozenset(
    {"alembic_version", "installation", "sign_in_attempts", "leases", "job_runs", "pinned_partitions", "job_requests", "replicas",
     "storage_samples"}
)  # fmt: skip
MOMENT = "2026-01-15T12:00:00Z"

_RELATIONS = """
select c.oid, c.relname as name, c.relkind as kind, c.relispartition as partition, c.relrowsecurity as secured,
       c.relforcerowsecurity as forced, coalesce(c.reloptions, '{}') as options, pg_get_userbyid(c.relowner) as owner,
       exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped) as has_tenant
from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') order by c.relname"""
_COLUMNS = """
select a.attname as name, format_type(a.atttypid, null) as type, a.attnotnull as required,
       a.atthasdef or a.attidentity <> '' or a.attgenerated <> '' as filled
from pg_attribute a where a.attrelid = :table and a.attnum > 0 and not a.attisdropped order by a.attnum"""
_KEYS = """
select conrelid::regclass::text as source, confrelid::regclass::text as target,
       (select array_agg(a.attname order by k.n) from unnest(conkey) with ordinality k (num, n)
          join pg_attribute a on a.attrelid = conrelid and a.attnum = k.num) as columns,
       (select array_agg(a.attname order by k.n) from unnest(confkey) with ordinality k (num, n)
          join pg_attribute a on a.attrelid = confrelid and a.attnum = k.num) as references
from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace and conparentid = 0"""
_CHOICES = """
select a.attname as name, pg_get_constraintdef(c.oid) as definition from pg_constraint c
join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
where c.contype = 'c' and c.conrelid = :table and cardinality(c.conkey) = 1"""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, partition or view of the schema."""

    oid: int
    name: str
    kind: str
    partition: bool
    secured: bool
    forced: bool
    options: list[str]
    owner: str
    has_tenant: bool

    @property
    def is_table(self) -> bool:
        """Whether it holds rows."""
        return self.kind in ("r", "p")

    @property
    def tenant_column(self) -> str | None:
        """Which column says whose a row is."""
        return "id" if self.name == "tenants" else "tenant_id" if self.has_tenant else None

    @property
    def no_change(self) -> str:
        """An assignment that an UPDATE may make without changing anything."""
        return "name = name" if self.name == "tenants" else "tenant_id = tenant_id"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns of `source` that name a row of `target`."""

    source: str
    target: str
    columns: list[str]
    references: list[str]


@dataclass
class Catalogue:
    """What there is in the schema."""

    relations: dict[str, Relation]
    keys: list[ForeignKey]
    columns: dict[str, list[Any]] = field(default_factory=dict)
    choices: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def owned(self) -> list[Relation]:
        """Tables of tenants, partitions left out; a table before those that refer to it."""
        tables = [each.name for each in self.relations.values() if each.is_table and not each.partition]
        names = {name for name in tables if name not in INSTALLATION_WIDE}
        order = {name: self._needs(name) & names - {name} for name in sorted(names)}
        return [self.relations[name] for name in TopologicalSorter(order).static_order()]

    def _needs(self, table: str) -> set[str]:
        """Tables whose rows it refers to, by a foreign key or by a column's name alone (`readings` has no key, for speed)."""
        return {key.target for key in self.keys if key.source == table} | {plural(each.name) for each in self.columns[table]}

    @property
    def partitions(self) -> list[Relation]:
        """Pieces of partitioned tables."""
        return [each for each in self.relations.values() if each.partition]

    @property
    def views(self) -> list[Relation]:
        """Views of every sort."""
        return [each for each in self.relations.values() if each.kind in ("v", "m")]


def read_catalogue(connection: Connection) -> Catalogue:
    """Everything in the schema `public`."""
    relations = {row.name: Relation(*row) for row in connection.execute(text(_RELATIONS))}
    found = Catalogue(relations, [ForeignKey(*row) for row in connection.execute(text(_KEYS))])
    for each in relations.values():
        found.columns[each.name] = list(connection.execute(text(_COLUMNS), {"table": each.oid}))
        found.choices[each.name] = {
            row.name: match[1]
            for row in connection.execute(text(_CHOICES), {"table": each.oid})
            if (match := re.search(r"ARRAY\['([^']+)'", row.definition))
        }
    return found


def plural(column: str) -> str:
    """`sensor_id` → `sensors`: the table that a column names."""
    return column.removesuffix("_id") + "s" if column.endswith("_id") else ""


Rows = dict[str, dict[str, Any]]


def make_rows(connection: Connection, catalogue: Catalogue, tenant_id: int) -> Rows:
    """One row in every table of tenants, inside of the tenant's own transaction: table → its columns."""
    made: Rows = {}
    for table in catalogue.owned:
        if table.name == "tenants":
            made["tenants"] = {"id": tenant_id}
            continue
        values = _values(catalogue, table.name, tenant_id, made)
        names = ", ".join(f'"{name}"' for name in values)
        slots = ", ".join(f"cast(:{name} as {type_of(catalogue, table.name, name)})" for name in values)
        try:
            row = connection.execute(text(f'insert into "{table.name}" ({names}) values ({slots}) returning *'), values).one()
        except Exception as error:
            raise AssertionError(f"no row can be made for the table {table.name}: {error}") from error
        made[table.name] = dict(row._mapping)
    return made


def type_of(catalogue: Catalogue, table: str, column: str) -> str:
    """A column's type as SQL writes it."""
    return str(next(each.type for each in catalogue.columns[table] if each.name == column))


def _values(catalogue: Catalogue, table: str, tenant_id: int, made: Rows) -> dict[str, Any]:
    values: dict[str, Any] = {"tenant_id": tenant_id}
    for key in (key for key in catalogue.keys if key.source == table and key.target in made):
        values |= {column: made[key.target][reference] for column, reference in zip(key.columns, key.references, strict=True)}
    for column in catalogue.columns[table]:
        if column.name in values or column.filled or not column.required:
            continue
        values[column.name] = _value(catalogue, table, column, tenant_id, made)
    return values


def _value(catalogue: Catalogue, table: str, column: Any, tenant_id: int, made: Rows) -> Any:
    if column.name in catalogue.choices[table]:
        return catalogue.choices[table][column.name]
    if named := made.get(plural(column.name)):
        return named["id"]
    unique = f"{table} {column.name} {tenant_id}"
    known: Mapping[str, Any] = {
        "text": unique, "bytea": unique.encode(), "jsonb": "{}", "boolean": False, "date": MOMENT[:10],
        "timestamp with time zone": MOMENT, "integer": 1, "smallint": 1, "bigint": 1, "double precision": 1.0, "text[]": "{}",
        "integer[]": "{}",
    }  # fmt: skip
    assert column.type in known, f"say what a column of type {column.type} holds ({table}.{column.name})"
    return known[column.type]

-- Devices, sensors, readings, current state, rollups, and what the doors keep. REQUIREMENTS §2, §3.

create table devices (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  key text not null check (length(key) between 1 and 100),
  name text not null check (length(name) between 1 and 200),
  place text not null default '',
  line text not null default '',
  is_machine boolean not null default false,
  template text not null default 'blank',
  status text not null default 'active' check (status in ('active', 'inactive', 'maintenance')),
  position int not null default 0,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, key)
);
select andon_protect('devices');

create table sensors (
  tenant_id int not null,
  id int generated always as identity,
  device_id int not null,
  key text not null check (length(key) between 1 and 100),
  name text not null,
  unit text not null default '',
  kind text not null default 'gauge' check (kind in ('gauge', 'increment', 'totalizer', 'flag')),
  normal_low double precision, normal_high double precision,
  limit_low double precision, limit_high double precision,
  severity text not null default 'medium' check (severity in ('critical', 'high', 'medium', 'low')),
  period_s double precision not null default 10 check (period_s > 0),
  position int not null default 0,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  unique (tenant_id, device_id, key),
  foreign key (tenant_id, device_id) references devices on delete cascade
);
select andon_protect('sensors');

create table device_groups (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  name text not null,
  primary key (tenant_id, id),
  unique (tenant_id, name)
);
select andon_protect('device_groups');

create table device_group_members (
  tenant_id int not null,
  group_id int not null,
  device_id int not null,
  primary key (tenant_id, group_id, device_id),
  foreign key (tenant_id, group_id) references device_groups on delete cascade,
  foreign key (tenant_id, device_id) references devices on delete cascade
);
select andon_protect('device_group_members');

-- No foreign key: it would cost a look-up a row. Sensors are removed by an action that removes their readings.
create table readings (
  tenant_id int not null,
  sensor_id int not null,
  time timestamptz not null,
  value double precision not null check (value - value = 0),   -- neither NaN nor infinite
  received_at timestamptz not null default now(),
  quality smallint not null default 192,                       -- OPC: 192 is good
  flags smallint not null default 0,                           -- 1 late, 2 delayed
  import_id int,
  primary key (sensor_id, time)
) partition by range (time);
select andon_protect('readings');

create table sensor_state (
  tenant_id int not null,
  sensor_id int not null primary key,
  time timestamptz,
  value double precision,
  quality smallint,
  total double precision not null default 0,                   -- of an increment: the sum of rows that were really inserted
  received_at timestamptz,
  readings bigint not null default 0,
  foreign key (tenant_id, sensor_id) references sensors on delete cascade
) with (fillfactor = 50);
select andon_protect('sensor_state');

create table rollup_minute (
  tenant_id int not null, sensor_id int not null, bucket timestamptz not null,
  count int not null, sum double precision not null, mean double precision not null, m2 double precision not null,
  min double precision not null, max double precision not null, first double precision not null, last double precision not null,
  primary key (sensor_id, bucket)
) partition by range (bucket);
select andon_protect('rollup_minute');

create table rollup_hour (
  tenant_id int not null, sensor_id int not null, bucket timestamptz not null,
  count int not null, sum double precision not null, mean double precision not null, m2 double precision not null,
  min double precision not null, max double precision not null, first double precision not null, last double precision not null,
  primary key (sensor_id, bucket)
);
select andon_protect('rollup_hour');

create table rollup_day (
  tenant_id int not null, sensor_id int not null, bucket timestamptz not null,
  count int not null, sum double precision not null, mean double precision not null, m2 double precision not null,
  min double precision not null, max double precision not null, first double precision not null, last double precision not null,
  primary key (sensor_id, bucket)
);
select andon_protect('rollup_day');

-- Readings at or after closed_to are not rolled up yet; a reading before it leaves a mark.
create table rollup_progress (
  tenant_id int primary key references tenants on delete cascade,
  closed_to timestamptz not null,
  computed_to timestamptz not null
);
select andon_protect('rollup_progress');

create table rollup_dirty (
  tenant_id int not null references tenants on delete cascade,
  sensor_id int not null,
  hour timestamptz not null
);
select andon_protect('rollup_dirty');

create table dead_letters (
  tenant_id int not null references tenants on delete cascade,
  id bigint generated always as identity,
  received_at timestamptz not null default now(),
  door text not null,
  source text not null default '',
  field text not null,
  reason text not null,
  raw bytea not null,
  truncated boolean not null default false,
  settled_at timestamptz,
  settled_how text check (settled_how in ('replayed', 'dropped')),
  primary key (tenant_id, id)
);
create index dead_letters_open on dead_letters (tenant_id, received_at desc) where settled_at is null;
select andon_protect('dead_letters');

create table idempotency_keys (
  tenant_id int not null references tenants on delete cascade,
  principal text not null,
  key text not null,
  body_hash bytea not null,
  at timestamptz not null,
  status smallint not null,
  response bytea not null,
  primary key (tenant_id, principal, key)
);
create index idempotency_keys_at on idempotency_keys (at);
select andon_protect('idempotency_keys');

create table imports (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  file_name text not null,
  device_id int,
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  by text not null,
  state text not null default 'running' check (state in ('running', 'done', 'failed', 'undone')),
  rows_read bigint not null default 0, stored bigint not null default 0, duplicates bigint not null default 0,
  conflicts bigint not null default 0, refused bigint not null default 0,
  first_at timestamptz, last_at timestamptz,
  detail jsonb not null default '{}',
  primary key (tenant_id, id)
);
select andon_protect('imports');

create table system_events (
  tenant_id int not null references tenants on delete cascade,
  id bigint generated always as identity,
  at timestamptz not null default now(),
  kind text not null,
  severity text not null default 'info',
  message text not null,
  detail jsonb not null default '{}',
  primary key (tenant_id, id)
);
create index system_events_at on system_events (tenant_id, at desc);
select andon_protect('system_events');

-- Partitions whose range holds imported history: retention passes them by.
create table pinned_partitions (name text primary key, reason text not null);

-- Jobs of the installation, of no tenant.
create table leases (name text primary key, holder text not null, token bigint not null, expires_at timestamptz not null);
create table job_runs (
  name text primary key,
  last_started timestamptz, last_finished timestamptz, duration_s double precision,
  runs bigint not null default 0, failures bigint not null default 0, last_error text, next_at timestamptz
);

-- A partition carries its own protection and no grants: it is reached through its parent alone.
create function andon_create_partition(parent text, low timestamptz, high timestamptz) returns text language plpgsql as $$
declare child text := format('%s_%s_%s', parent, to_char(low at time zone 'UTC', 'YYYYMMDD'), to_char(high at time zone 'UTC', 'YYYYMMDD'));
begin
  perform pg_advisory_xact_lock(hashtext('andon_partitions'));
  if to_regclass(child) is not null then return child; end if;
  execute format('create table %I (like %I including defaults including constraints including indexes)', child, parent);
  perform andon_protect(child::regclass);
  -- ATTACH takes a weaker lock on the parent than CREATE … PARTITION OF: ingest goes on.
  execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, child, low, high);
  return child;
end $$;

-- Rules, alerts and their events, the outbox, downtime, shifts, products, sums of production. REQUIREMENTS §4, §5, §8.

create table rules (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  name text not null,
  type text not null check (type in ('threshold', 'rate', 'fault', 'offline', 'anomaly', 'trend')),
  sensor_id int,
  device_id int,
  severity text not null check (severity in ('critical', 'high', 'medium', 'low')),
  settings jsonb not null default '{}',
  enabled boolean not null default true,
  version int not null default 1,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, sensor_id) references sensors on delete cascade,
  foreign key (tenant_id, device_id) references devices on delete cascade
);
select andon_protect('rules');

create table alerts (
  tenant_id int not null references tenants on delete cascade,
  id bigint generated always as identity,
  rule_id int,
  device_id int not null,
  sensor_id int,
  type text not null,
  code text not null,
  severity text not null check (severity in ('critical', 'high', 'medium', 'low')),
  state text not null check (state in ('A', 'B', 'C', 'D', 'E', 'F')),
  message text not null,
  value double precision,
  raised_at timestamptz not null,
  ended_at timestamptz,
  occurrences int not null default 1,
  escalation_level smallint not null default 0,
  version int not null default 1,
  primary key (tenant_id, id),
  foreign key (tenant_id, rule_id) references rules on delete set null (rule_id),
  foreign key (tenant_id, device_id) references devices on delete cascade,
  foreign key (tenant_id, sensor_id) references sensors on delete cascade
);
-- One open alert per rule and target, held by the database (AL-3).
create unique index alerts_open on alerts (tenant_id, rule_id, device_id, coalesce(sensor_id, 0)) where ended_at is null;
create index alerts_raised on alerts (tenant_id, raised_at desc);
select andon_protect('alerts');

create table alert_events (
  tenant_id int not null,
  id bigint generated always as identity,
  alert_id bigint not null,
  at timestamptz not null,
  what text not null,
  state text not null,
  by text not null default 'system',
  comment text,
  detail jsonb not null default '{}',
  recorded_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, alert_id) references alerts on delete cascade
);
create index alert_events_alert on alert_events (tenant_id, alert_id, id);
select andon_protect('alert_events');

create table outbox (
  tenant_id int not null references tenants on delete cascade,
  id bigint generated always as identity,
  created_at timestamptz not null default now(),
  topic text not null,
  payload jsonb not null,
  attempts int not null default 0,
  due_at timestamptz not null default now(),
  leased_until timestamptz,
  done_at timestamptz,
  last_error text,
  primary key (tenant_id, id)
);
create index outbox_due on outbox (due_at) where done_at is null;
select andon_protect('outbox');

create table products (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  key text not null,
  name text not null,
  primary key (tenant_id, id),
  unique (tenant_id, key)
);
select andon_protect('products');

create table shift_calendars (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  line text not null default '',     -- '': the whole plant
  name text not null,
  zone text not null,
  pattern jsonb not null,
  valid_from date not null,
  valid_to date,
  primary key (tenant_id, id)
);
select andon_protect('shift_calendars');

create table downtime_reasons (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  code text not null,
  name text not null,
  loss text not null,                -- one of the six big losses
  position int not null default 0,
  primary key (tenant_id, id),
  unique (tenant_id, code)
);
select andon_protect('downtime_reasons');

create table downtimes (
  tenant_id int not null,
  id bigint generated always as identity,
  device_id int not null,
  started_at timestamptz not null,
  ended_at timestamptz,
  reason_id int,
  comment text,
  source text not null default 'detected' check (source in ('detected', 'entered', 'split')),
  primary key (tenant_id, id),
  foreign key (tenant_id, device_id) references devices on delete cascade,
  foreign key (tenant_id, reason_id) references downtime_reasons on delete set null (reason_id)
);
create index downtimes_device on downtimes (tenant_id, device_id, started_at desc);
select andon_protect('downtimes');

-- Sums and counts alone: every percentage is derived on reading (PR-2).
create table production_hours (
  tenant_id int not null,
  device_id int not null,
  hour timestamptz not null,
  product_id int not null default 0,
  planned_busy_s double precision not null default 0,
  actual_production_s double precision not null default 0,
  known_s double precision not null default 0,
  planned_run_s double precision not null default 0,
  produced double precision not null default 0,
  rejected double precision,
  primary key (tenant_id, device_id, hour, product_id),
  foreign key (tenant_id, device_id) references devices on delete cascade
);
select andon_protect('production_hours');

create table usage_days (
  tenant_id int not null references tenants on delete cascade,
  day date not null,
  metric text not null,
  amount double precision not null default 0,
  primary key (tenant_id, day, metric)
);
select andon_protect('usage_days');

-- Views of source 000 §2.2, over what the reader may see.
create view machine_stats_24h with (security_invoker = true) as
select d.tenant_id, d.key as machine_id, d.name, d.place as location,
       coalesce(sum(r.count) filter (where s.key = 'temperature'), 0) as total_readings,
       sum(r.sum) filter (where s.key = 'temperature') / nullif(sum(r.count) filter (where s.key = 'temperature'), 0) as avg_temperature,
       max(r.max) filter (where s.key = 'temperature') as max_temperature,
       min(r.min) filter (where s.key = 'temperature') as min_temperature,
       sum(r.sum) filter (where s.key = 'vibration') / nullif(sum(r.count) filter (where s.key = 'vibration'), 0) as avg_vibration,
       max(r.max) filter (where s.key = 'vibration') as max_vibration,
       min(r.min) filter (where s.key = 'vibration') as min_vibration,
       sum(r.sum) filter (where s.key = 'production_count') as total_production,
       coalesce(sum(r.sum) filter (where s.key = 'fault'), 0) as fault_count
from devices d
join sensors s on s.tenant_id = d.tenant_id and s.device_id = d.id
left join rollup_minute r on r.sensor_id = s.id and r.bucket > now() - interval '24 hours'
where d.is_machine
group by d.tenant_id, d.id, d.key, d.name, d.place;

create view active_alerts with (security_invoker = true) as
select a.tenant_id, a.id, d.key as machine_id, d.name as machine_name, d.place as location, a.type as alert_type, a.severity,
       a.message, a.raised_at as created_at, round(extract(epoch from now() - a.raised_at) / 60) as minutes_open
from alerts a join devices d on d.tenant_id = a.tenant_id and d.id = a.device_id
where a.ended_at is null
order by array_position(array['critical', 'high', 'medium', 'low'], a.severity), a.raised_at;

create view system_overview with (security_invoker = true) as
select (select count(*) from devices where status = 'active') as active_machines,
       (select count(*) from devices) as total_machines,
       (select count(*) from alerts where ended_at is null) as active_alerts,
       (select sum(t.total) from sensor_state t join sensors s on s.id = t.sensor_id and s.tenant_id = t.tenant_id
         where s.key = 'production_count') as current_total_production,
       (select avg(t.value) from sensor_state t join sensors s on s.id = t.sensor_id and s.tenant_id = t.tenant_id
         where s.key = 'temperature') as avg_system_temperature,
       (select max(t.value) from sensor_state t join sensors s on s.id = t.sensor_id and s.tenant_id = t.tenant_id
         where s.key = 'vibration') as max_system_vibration;

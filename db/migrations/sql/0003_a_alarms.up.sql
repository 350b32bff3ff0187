-- Alarms: what rules watch and wait for, their history, what is over an alert, planned maintenance. REQUIREMENTS §4.

alter table rules drop constraint rules_type_check;
alter table rules add constraint rules_type_check
  check (type in ('threshold', 'rate', 'fault', 'offline', 'anomaly', 'trend', 'external'));
alter table rules
  add column group_id int,
  add column sensor_key text,            -- with a device, a group or neither: every sensor of this key there
  add column policy_id int,
  add column seeded boolean not null default false,
  add column removed_at timestamptz,     -- kept for the alerts that it raised
  add column updated_at timestamptz not null default now(),
  add column updated_by text not null default 'system';
alter table rules add constraint rules_group foreign key (tenant_id, group_id) references device_groups on delete cascade;
create unique index rules_external on rules (tenant_id, name) where type = 'external' and removed_at is null;

-- Every version of a rule, the present one too.
create table rule_versions (
  tenant_id int not null,
  rule_id int not null,
  version int not null,
  at timestamptz not null default now(),
  by text not null default 'system',
  what text not null check (what in ('created', 'changed', 'enabled', 'disabled', 'removed')),
  content jsonb not null,
  primary key (tenant_id, rule_id, version),
  foreign key (tenant_id, rule_id) references rules on delete cascade
);
select andon_protect('rule_versions');

-- What a rule waits for on a target; no row: for nothing. Of a device itself sensor_id is 0. due_at is by the server's clock.
create table rule_state (
  tenant_id int not null,
  rule_id int not null,
  device_id int not null,
  sensor_id int not null default 0,
  rule_version int not null,
  state jsonb not null,
  due_at timestamptz,
  primary key (tenant_id, rule_id, device_id, sensor_id),
  foreign key (tenant_id, rule_id) references rules on delete cascade,
  foreign key (tenant_id, device_id) references devices on delete cascade
) with (fillfactor = 70);
create index rule_state_sensor on rule_state (sensor_id);
create index rule_state_due on rule_state (due_at) where due_at is not null;
select andon_protect('rule_state');

-- Why nobody is told, by rule and target: shelved, suppressed by design, out of service. What has ended is in alert_events.
create table alert_suppressors (
  tenant_id int not null,
  id bigint generated always as identity,
  rule_id int not null,
  device_id int not null,
  sensor_id int not null default 0,
  kind text not null check (kind in ('shelved', 'suppressed', 'out_of_service')),
  source text not null default '',
  since timestamptz not null,
  until timestamptz,
  until_clear boolean not null default false,
  reason text not null default '',
  by text not null default 'system',
  primary key (tenant_id, id),
  foreign key (tenant_id, rule_id) references rules on delete cascade,
  foreign key (tenant_id, device_id) references devices on delete cascade
);
create unique index alert_suppressors_one on alert_suppressors (tenant_id, rule_id, device_id, sensor_id, kind, source);
create index alert_suppressors_until on alert_suppressors (until) where until is not null;
select andon_protect('alert_suppressors');

-- Out of service ahead of time: a device, a group, a line, or (none of them) the whole plant.
create table maintenance_windows (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  device_id int,
  group_id int,
  line text,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  reason text not null,
  by text not null default 'system',
  created_at timestamptz not null default now(),
  began_at timestamptz,
  ended_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, device_id) references devices on delete cascade,
  foreign key (tenant_id, group_id) references device_groups on delete cascade,
  constraint maintenance_windows_order check (ends_at >= starts_at)
);
create index maintenance_windows_open on maintenance_windows (tenant_id, starts_at) where ended_at is null;
select andon_protect('maintenance_windows');

alter table alerts
  add column cause text not null default '',           -- which limit: high, high_high, low, …
  add column asked_at timestamptz,                     -- since when somebody is asked to answer
  add column escalates_at timestamptz,
  add column acknowledged_at timestamptz,
  add column acknowledged_by text,
  add column delayed boolean not null default false,
  add column last_event_at timestamptz;
create index alerts_escalates on alerts (escalates_at) where escalates_at is not null;
create index alerts_device on alerts (tenant_id, device_id, raised_at desc);

-- An event may be of a target without an alert: out of service before anything happened.
alter table alert_events alter column alert_id drop not null;
alter table alert_events
  add column rule_id int,
  add column device_id int,
  add column sensor_id int,
  add column severity text,
  add column silent boolean not null default false,
  add column delayed boolean not null default false,
  add column level smallint not null default 0,
  add column value double precision;
create index alert_events_at on alert_events (tenant_id, at desc, id desc);

-- When a live reading last arrived; what an import or a history brought does not count.
alter table sensor_state add column arrived_at timestamptz;

-- Which tenants have something to do now: asked each second, for all of them at once.
create policy owner_looks_up on rule_state for select to current_user using (true);
create policy owner_looks_up on alert_suppressors for select to current_user using (true);
create policy owner_looks_up on maintenance_windows for select to current_user using (true);
create policy owner_looks_up on alerts for select to current_user using (true);
create function andon_tenants_with_alarms_due(moment timestamptz) returns table (tenant_id int)
language sql stable security definer set search_path = public, pg_temp as $$
  select r.tenant_id from rule_state r where r.due_at <= moment
  union select s.tenant_id from alert_suppressors s where s.until <= moment
  union select a.tenant_id from alerts a where a.escalates_at <= moment
  union select w.tenant_id from maintenance_windows w where w.ended_at is null
    and (w.ends_at <= moment or (w.began_at is null and w.starts_at <= moment))
$$;

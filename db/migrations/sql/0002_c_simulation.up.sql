-- What somebody asked of the simulated machines, and tenants that are on their way out. REQUIREMENTS IN-6.

create table simulator_devices (
  tenant_id int not null,
  device_id int not null,
  running boolean not null default true,
  period_s double precision check (period_s between 1 and 10),   -- null: each sensor's own
  changed_at timestamptz not null default now(),
  primary key (tenant_id, device_id),
  foreign key (tenant_id, device_id) references devices on delete cascade
);
select andon_protect('simulator_devices');

create table simulator_episodes (
  tenant_id int not null,
  id bigint generated always as identity,
  device_id int not null,
  kind text not null check (kind in ('anomaly', 'fault', 'breakdown', 'micro_stop', 'rejects')),
  sensor text,
  course text check (course in ('hold', 'creep', 'jump')),
  strength double precision not null default 1,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  by text not null,
  primary key (tenant_id, id),
  check (ends_at >= starts_at),
  foreign key (tenant_id, device_id) references devices on delete cascade
);
create index simulator_episodes_end on simulator_episodes (tenant_id, ends_at);
select andon_protect('simulator_episodes');

-- A tenant that is being removed is none any more for whoever looks one up, while its rows go in batches.
create or replace function andon_tenants()
returns table (id int, key text, name text, is_demo boolean, zone text, settings jsonb)
language sql stable security definer set search_path = public, pg_temp as $$
  select t.id, t.key, t.name, t.is_demo, t.zone, t.settings from tenants t where not t.settings ? 'leaving' order by t.id
$$;

create function andon_leaving_tenants() returns table (id int, key text, is_demo boolean)
language sql stable security definer set search_path = public, pg_temp as $$
  select t.id, t.key, t.is_demo from tenants t where t.settings ? 'leaving' order by t.id
$$;

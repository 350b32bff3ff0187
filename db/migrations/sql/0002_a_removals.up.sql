-- Devices and sensors that were removed: their rows went at once, their readings go in batches (job `remove-readings`). REQUIREMENTS §8, FL-1.
create table removals (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  kind text not null check (kind in ('device', 'sensor')),
  key text not null,                  -- of the device; of a sensor: device/sensor
  sensor_ids int[] not null,
  requested_at timestamptz not null default now(),
  requested_by text not null,
  removed bigint not null default 0,  -- readings deleted so far
  finished_at timestamptz,
  primary key (tenant_id, id)
);
create index removals_open on removals (tenant_id, id) where finished_at is null;
select andon_protect('removals');

-- A device that takes sensors which it was not made with: they are made when it first names them.
alter table devices add column accepts_new boolean not null default false;

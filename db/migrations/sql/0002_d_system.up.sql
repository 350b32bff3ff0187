-- What the system page says of the whole installation: replicas, jobs asked for by hand, sizes over time. REQUIREMENTS UI-9.

alter table job_runs add column what text not null default '', add column every_s double precision, add column last_failed_at timestamptz;

-- A run that somebody asked for: whichever replica runs the jobs takes it, once.
create table job_requests (
  id bigint generated always as identity primary key,
  name text not null,
  requested_by text not null,
  requested_at timestamptz not null default now(),
  taken_at timestamptz,
  taken_by text,
  finished_at timestamptz,
  result text
);
create index job_requests_open on job_requests (id) where taken_at is null;

create table replicas (
  id text primary key,               -- host:process:random, as the lease names its holder
  host text not null,
  pid int not null,
  version text not null,
  runs_jobs boolean not null,
  started_at timestamptz not null,
  seen_at timestamptz not null default now(),
  readings_per_s double precision not null default 0
);

create table storage_samples (at timestamptz primary key, bytes bigint not null);

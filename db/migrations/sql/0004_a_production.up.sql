-- Stops and what was said of them, products and when they ran, hours and days of sums, what is to be computed anew. REQUIREMENTS PR-1 … PR-5.

alter table products add column removed_at timestamptz;
alter table downtime_reasons add column removed_at timestamptz;

-- Planned run time per item (PRI) of a product on a machine, from a time on.
create table product_rates (
  tenant_id int not null,
  product_id int not null,
  device_id int not null,
  since timestamptz not null,
  pri_s double precision not null check (pri_s > 0),
  primary key (tenant_id, product_id, device_id, since),
  foreign key (tenant_id, product_id) references products on delete cascade,
  foreign key (tenant_id, device_id) references devices on delete cascade
);
select andon_protect('product_rates');

-- What product a machine makes from a time on (null: none), until the next; of two of the same time the later entry holds.
create table product_runs (
  tenant_id int not null,
  id bigint generated always as identity,
  device_id int not null,
  product_id int,
  since timestamptz not null,
  by text not null default 'system',
  recorded_at timestamptz not null default now(),
  withdrawn boolean not null default false,   -- as if nothing had been said of this time
  primary key (tenant_id, id),
  foreign key (tenant_id, device_id) references devices on delete cascade,
  foreign key (tenant_id, product_id) references products on delete cascade
);
create index product_runs_device on product_runs (tenant_id, device_id, since, id);
select andon_protect('product_runs');

-- Stops as they follow from readings, shifts and edits: rows keep their id while the stop moves. ended_at is null while it goes on.
alter table downtimes
  add column planned_s double precision not null default 0,   -- without breaks
  add column loss text not null default 'unexplained',
  add column fault boolean not null default false,
  add column reason_by text not null default '',
  add column cut_start boolean not null default false,        -- that edge was set by a split
  add column cut_end boolean not null default false,
  add column gone_at timestamptz,                             -- later readings or edits say that there was no such stop
  add column version int not null default 1;
create index downtimes_there on downtimes (tenant_id, started_at desc, id desc) where gone_at is null;

-- What people said of a machine's stops. Only added to.
create table downtime_edits (
  tenant_id int not null,
  id bigint generated always as identity,
  device_id int not null,
  what text not null check (what in ('reason', 'split', 'join', 'stop', 'run', 'measured', 'comment')),
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  open_start boolean not null default false,   -- the edge is the stop's, wherever that is
  open_end boolean not null default false,
  reason_id int,
  comment text not null default '',
  by text not null,
  at timestamptz not null,                     -- when it was said, also without a network
  recorded_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, device_id) references devices on delete cascade
);
create index downtime_edits_device on downtime_edits (tenant_id, device_id, ends_at);
select andon_protect('downtime_edits');

-- What each minute counted as, in stretches without a gap up to production_progress.computed_to.
create table production_spans (
  tenant_id int not null,
  device_id int not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  state smallint not null,                     -- dashapp.domain.production.State
  loss text not null default '',
  begins boolean not null default false,
  startup boolean not null default false,
  measured boolean not null default true,
  product_id int not null default 0,
  pri_s double precision not null default 0,   -- 0: not known
  reason_id int not null default 0,
  stop_at timestamptz,
  primary key (tenant_id, device_id, starts_at),
  foreign key (tenant_id, device_id) references devices on delete cascade
);
-- Where the time went: read without the table where it was vacuumed.
create index production_spans_losses on production_spans (tenant_id, device_id, starts_at) include (ends_at, loss, reason_id, begins)
  where loss <> '';
select andon_protect('production_spans');

-- Sums and counts alone: every percentage is derived on reading (PR-2). A row lies in one hour (day: of the plant's zone) and does not reach
-- over an edge of a shift or a day. ends_at is where it ends, also while it is not over.
drop table production_hours;
create table production_hours (
  tenant_id int not null,
  device_id int not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  product_id int not null default 0,
  calendar_s double precision not null, planned_s double precision not null, known_s double precision not null,
  production_s double precision not null,
  failure_s double precision not null, setup_s double precision not null, waiting_s double precision not null,
  unexplained_s double precision not null, minor_s double precision not null, planned_stop_s double precision not null,
  failures double precision not null, setups double precision not null, waits double precision not null,
  unexplained double precision not null, minors double precision not null, planned_stops double precision not null,
  produced double precision not null, rejected_units double precision not null, unrated double precision not null,
  unmeasured double precision not null, unplanned double precision not null,
  ideal_s double precision not null, rejected_ideal_s double precision not null, startup_ideal_s double precision not null,
  primary key (tenant_id, device_id, starts_at, product_id),
  foreign key (tenant_id, device_id) references devices on delete cascade
);
select andon_protect('production_hours');

create table production_days (like production_hours including constraints);
alter table production_days
  add primary key (tenant_id, device_id, starts_at, product_id),
  add foreign key (tenant_id, device_id) references devices on delete cascade;
select andon_protect('production_days');

-- From where to where a machine's minutes are in the tables above, and from when on its rejects count as measured.
create table production_progress (
  tenant_id int not null,
  device_id int not null,
  first_at timestamptz not null,
  computed_to timestamptz not null,
  rejects_from timestamptz,
  primary key (tenant_id, device_id),
  foreign key (tenant_id, device_id) references devices on delete cascade
);
select andon_protect('production_progress');

-- What is to be computed anew; appended by whoever changes something below.
create table production_dirty (
  tenant_id int not null,
  device_id int not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  foreign key (tenant_id, device_id) references devices on delete cascade
);
create index production_dirty_device on production_dirty (tenant_id, device_id);
select andon_protect('production_dirty');

-- Reports by mail: what is reported when and to whom, and what was made. REQUIREMENTS §5: EX-2.

create table report_definitions (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  name text not null check (length(name) between 1 and 200),
  kind text not null check (kind in ('daily', 'shift')),
  line text not null default '',         -- '': the whole plant
  channel_id int,                        -- the e-mail channel that carries it; null: it is kept here alone
  recipients text[] not null default '{}',
  after_min int not null default 10 check (after_min between 0 and 720), -- so long after the end of what it is about: late readings
  enabled boolean not null default true,
  since timestamptz not null default now(), -- nothing that ended before is reported by itself
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, channel_id) references channels on delete set null (channel_id)
);
create unique index report_definitions_name on report_definitions (tenant_id, lower(name));
select andon_protect('report_definitions');

-- A report as it was made and sent: figures of then, whatever is corrected later.
create table reports (
  tenant_id int not null references tenants on delete cascade,
  id bigint generated always as identity,
  definition_id int,
  name text not null,
  kind text not null check (kind in ('daily', 'shift', 'test')),
  line text not null default '',
  title text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  made_at timestamptz not null default now(),
  recipients text[] not null default '{}',
  summary text not null default '',      -- the mail's plain text
  html text not null default '',         -- its pictures by cid:
  pictures jsonb not null default '{}',  -- name → PNG in base64
  pdf bytea not null default '',
  primary key (tenant_id, id),
  foreign key (tenant_id, definition_id) references report_definitions on delete set null (definition_id)
);
-- A period is reported once, however many replicas run the job.
create unique index reports_once on reports (tenant_id, definition_id, starts_at) where kind <> 'test';
create index reports_made on reports (tenant_id, made_at desc);
select andon_protect('reports');

alter table notifications add column report_id bigint;
alter table notifications add constraint notifications_report foreign key (tenant_id, report_id) references reports on delete cascade;
create index notifications_report on notifications (tenant_id, report_id) where report_id is not null;
alter table notifications drop constraint notifications_what_check;
alter table notifications add constraint notifications_what_check
  check (what in ('raised', 'escalated', 'reminder', 'ended', 'acknowledged', 'digest', 'test', 'report'));

-- Which plants have reports at all: asked for all of them at once.
create policy owner_looks_up on report_definitions for select to current_user using (true);
create function andon_tenants_with_reports() returns table (tenant_id int)
language sql stable security definer set search_path = public, pg_temp as $$
  select distinct d.tenant_id from report_definitions d where d.enabled
$$;

-- Imports from a page: the file that waits, what was understood of it, progress, and what an undo has to know.

alter table imports drop constraint imports_state_check;
alter table imports
  add constraint imports_state_check check (state in (
    'draft', 'checking', 'checked', 'queued', 'running', 'cancelling',
    'done', 'failed', 'cancelled', 'interrupted', 'undoing', 'undone')),
  add column upload text,                          -- the file's name among the uploads, while it is kept
  add column bytes bigint not null default 0,
  add column bytes_read bigint not null default 0,
  add column removed bigint not null default 0,    -- readings that an undo has deleted so far
  add column runner text,                          -- which process works on it
  add column seen_at timestamptz,                  -- when that process last said so
  add column note text not null default '';        -- why it ended, in words for people
create policy owner_looks_up on imports for select to current_user using (true);

-- What an import did not store, as far as it is kept: another value was there first, or the row or cell was refused.
create table import_problems (
  tenant_id int not null,
  import_id int not null,
  id bigint generated always as identity,
  line bigint not null,
  kind text not null check (kind in ('conflict', 'refused')),
  what text not null,
  reason text not null default '',
  value double precision,
  kept double precision,
  primary key (tenant_id, import_id, id),
  foreign key (tenant_id, import_id) references imports on delete cascade
);
select andon_protect('import_problems');

-- A partition may be pinned for several imports: it is let go with the last of them.
alter table pinned_partitions drop constraint pinned_partitions_pkey, add primary key (name, reason);
alter table imports no force row level security;
insert into pinned_partitions (name, reason)
select p.name, 'import ' || i.id
from (
  select c.relname as name, regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \('(.+)'\) TO \('(.+)'\)$$) as edges
  from pg_inherits h join pg_class c on c.oid = h.inhrelid
  where h.inhparent in ('readings'::regclass, 'rollup_minute'::regclass)) p
join imports i on i.stored > 0 and i.first_at < p.edges[2]::timestamptz and i.last_at >= p.edges[1]::timestamptz
where p.edges is not null
on conflict do nothing;
alter table imports force row level security;

-- Imports of every tenant that some process has to look after: asked for by who runs them, before the tenant is known.
create function andon_open_imports()
returns table (tenant_id int, id int, state text, upload text, runner text, silent_s double precision, age_s double precision)
language sql stable security definer set search_path = public, pg_temp as $$
  select i.tenant_id, i.id, i.state, i.upload, i.runner,
         extract(epoch from now() - coalesce(i.seen_at, i.started_at))::double precision,
         extract(epoch from now() - i.started_at)::double precision
  from imports i
  where i.upload is not null or i.state in ('checking', 'queued', 'running', 'cancelling', 'undoing')
  order by i.id
$$;

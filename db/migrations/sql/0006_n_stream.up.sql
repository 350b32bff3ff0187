-- What changed lately, for programs that follow a tenant: rows of the transactions that changed it, kept for minutes. REQUIREMENTS AP-3.

-- Somebody follows the tenant until then, on whichever replica. A gap in the following begins another epoch: what lay in it was not
-- written down. Rows of transactions before kept_from have gone.
create table stream_followed (
  tenant_id int primary key references tenants on delete cascade,
  epoch bigint not null,
  until timestamptz not null,
  kept_from bigint not null default 0
);
select andon_protect('stream_followed');

-- xid is the transaction's own, horizon the oldest that still ran when the row was written: who has seen this row has seen every row of a
-- transaction before its horizon. No foreign key: each would lock the tenant's row, and it is the same for every writer.
create table stream_events (
  tenant_id int not null,
  xid xid8 not null default pg_current_xact_id(),
  id bigint generated always as identity,
  horizon bigint not null default pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
  at timestamptz not null default clock_timestamp(),
  kind text not null check (kind in ('readings', 'alert')),
  body bytea not null,
  primary key (tenant_id, xid, id)
);
alter table stream_events alter column body set storage external; -- numbers: looking for something to compress costs more than it saves
select andon_protect('stream_events');

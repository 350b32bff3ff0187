drop function andon_open_imports();
drop table import_problems;
delete from pinned_partitions p using pinned_partitions other where other.name = p.name and other.reason < p.reason;
alter table pinned_partitions drop constraint pinned_partitions_pkey, add primary key (name);
drop policy owner_looks_up on imports;
alter table imports no force row level security;
delete from imports where state in ('draft', 'checking', 'checked', 'queued');
update imports set state = 'failed' where state in ('running', 'cancelling', 'cancelled', 'interrupted', 'undoing');
alter table imports force row level security;
alter table imports
  drop constraint imports_state_check,
  drop column upload, drop column bytes, drop column bytes_read, drop column removed, drop column runner, drop column seen_at,
  drop column note;
alter table imports add constraint imports_state_check check (state in ('running', 'done', 'failed', 'undone'));

drop table production_dirty, production_progress, production_days, production_hours, production_spans, downtime_edits;
drop index downtimes_there;
delete from downtimes where gone_at is not null;
alter table downtimes drop column planned_s, drop column loss, drop column fault, drop column reason_by, drop column cut_start, drop column cut_end,
 
  drop column gone_at, drop column version;
drop table product_runs, product_rates;
alter table downtime_reasons drop column removed_at;
alter table products drop column removed_at;

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

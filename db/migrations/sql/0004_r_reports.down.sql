drop function if exists andon_tenants_with_reports();
delete from notifications where what = 'report';
alter table notifications drop constraint if exists notifications_what_check;
alter table notifications add constraint notifications_what_check
  check (what in ('raised', 'escalated', 'reminder', 'ended', 'acknowledged', 'digest', 'test'));
alter table notifications drop constraint if exists notifications_report;
drop index if exists notifications_report;
alter table notifications drop column if exists report_id;
drop table if exists reports, report_definitions;

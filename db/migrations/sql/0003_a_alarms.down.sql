drop function andon_tenants_with_alarms_due(timestamptz);
drop policy owner_looks_up on alerts;
alter table sensor_state drop column arrived_at;
drop index alert_events_at;
delete from alert_events where alert_id is null;
alter table alert_events drop column rule_id, drop column device_id, drop column sensor_id, drop column severity, drop column silent,
  drop column delayed, drop column level, drop column value;
alter table alert_events alter column alert_id set not null;
drop index alerts_escalates, alerts_device;
alter table alerts drop column cause, drop column asked_at, drop column escalates_at, drop column acknowledged_at,
  drop column acknowledged_by, drop column delayed, drop column last_event_at;
drop table maintenance_windows, alert_suppressors, rule_state, rule_versions;
drop index rules_external;
alter table rules drop constraint rules_group;
alter table rules drop column group_id, drop column sensor_key, drop column policy_id, drop column seeded, drop column removed_at,
  drop column updated_at, drop column updated_by;
delete from rules where type = 'external';
alter table rules drop constraint rules_type_check;
alter table rules add constraint rules_type_check check (type in ('threshold', 'rate', 'fault', 'offline', 'anomaly', 'trend'));

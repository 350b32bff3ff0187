drop function if exists andon_tenants_to_notify(timestamptz);
drop policy if exists owner_looks_up on outbox;
alter table if exists rules drop constraint if exists rules_policy;
drop table if exists alert_reminders, notifications, escalation_targets, escalation_steps, escalation_policies, channels;

-- Channels, escalation policies, what was sent to whom. REQUIREMENTS §4: AL-4, AL-5.

create table channels (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  name text not null check (length(name) between 1 and 200),
  kind text not null check (kind in ('email', 'webhook', 'chat', 'sms', 'phone')),
  settings jsonb not null default '{}',  -- what may be shown: mail server, recipients
  secret text not null default '',       -- password, web address with header, or service address: written, never shown
  hint text not null default '',         -- where it goes, without what is secret
  events text[] not null default '{raised,escalated,reminder,ended}',
  least_severity text not null default 'low' check (least_severity in ('critical', 'high', 'medium', 'low')),
  templates jsonb not null default '{}', -- event kind → {title, body}; what is missing is the default
  for_people boolean not null default false, -- its mail server writes to people named in a policy, too
  enabled boolean not null default true,
  rate_messages int not null default 20, -- at most so many messages …
  rate_s int not null default 600,       -- … in so many seconds
  tokens double precision,               -- what is left of them at tokens_at: shared by every replica
  tokens_at timestamptz,
  failures int not null default 0,       -- in a row, and until when it is left alone for them
  paused_until timestamptz,
  last_sent_at timestamptz,
  last_error text,
  last_error_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  constraint channels_rate check (rate_messages > 0 and rate_s > 0)
);
create unique index channels_name on channels (tenant_id, lower(name));
create unique index channels_for_people on channels (tenant_id) where for_people;
select andon_protect('channels');

create table escalation_policies (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  name text not null check (length(name) between 1 and 200),
  is_default boolean not null default false, -- for rules that name none
  reminder_every_s int,                      -- null: no reminders
  created_at timestamptz not null default now(),
  primary key (tenant_id, id)
);
create unique index escalation_policies_name on escalation_policies (tenant_id, lower(name));
create unique index escalation_policies_default on escalation_policies (tenant_id) where is_default;
select andon_protect('escalation_policies');

-- Position is the alert's escalation level: 0 is told at once, n when it reaches level n, after_s from when it was announced.
create table escalation_steps (
  tenant_id int not null,
  policy_id int not null,
  position smallint not null,
  after_s int not null,
  primary key (tenant_id, policy_id, position),
  foreign key (tenant_id, policy_id) references escalation_policies on delete cascade,
  constraint escalation_steps_order check (position >= 0 and after_s >= 0)
);
select andon_protect('escalation_steps');

create table escalation_targets (
  tenant_id int not null,
  id int generated always as identity,
  policy_id int not null,
  position smallint not null,
  channel_id int,
  user_id int,
  role text check (role in ('viewer', 'operator', 'manager', 'admin')),
  primary key (tenant_id, id),
  foreign key (tenant_id, policy_id, position) references escalation_steps on delete cascade,
  foreign key (tenant_id, channel_id) references channels on delete cascade,
  foreign key (tenant_id, user_id) references users on delete cascade,
  constraint escalation_targets_somebody check (num_nonnulls(channel_id, user_id, role) > 0)
);
create index escalation_targets_step on escalation_targets (tenant_id, policy_id, position);
select andon_protect('escalation_targets');

-- A message to one recipient by one channel: what waits, and the log of what was sent.
create table notifications (
  tenant_id int not null references tenants on delete cascade,
  id bigint generated always as identity,
  outbox_id bigint,
  alert_id bigint,
  event_id bigint,
  channel_id int,
  channel text not null,                 -- its name then
  recipient text not null default '',    -- an e-mail address; empty: whoever the channel itself names
  user_id int,
  what text not null check (what in ('raised', 'escalated', 'reminder', 'ended', 'acknowledged', 'digest', 'test')),
  severity text not null default 'low',
  level smallint not null default 0,
  facts jsonb not null default '{}',     -- what the templates are filled with, as it was when it happened
  title text not null default '',        -- as it was sent
  state text not null default 'queued' check (state in ('queued', 'sending', 'sent', 'failed', 'dropped', 'digested')),
  digest_id bigint,                      -- the digest that tells it
  attempts int not null default 0,
  due_at timestamptz not null default now(),
  leased_until timestamptz,
  leased_by text,
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  error text,
  tries jsonb not null default '[]',     -- the last attempts that failed: [{at, error}]
  primary key (tenant_id, id),
  foreign key (tenant_id, alert_id) references alerts on delete cascade,
  foreign key (tenant_id, channel_id) references channels on delete set null (channel_id),
  foreign key (tenant_id, user_id) references users on delete set null (user_id)
);
create unique index notifications_once on notifications (tenant_id, outbox_id, channel_id, recipient) where outbox_id is not null;
create index notifications_waiting on notifications (due_at) where state in ('queued', 'sending');
create index notifications_channel on notifications (tenant_id, channel_id, created_at desc);
create index notifications_alert on notifications (tenant_id, alert_id);
create index notifications_digest on notifications (tenant_id, digest_id) where digest_id is not null;
select andon_protect('notifications');

create table alert_reminders (
  tenant_id int not null,
  alert_id bigint not null,
  due_at timestamptz not null,
  every_s int not null,
  primary key (tenant_id, alert_id),
  foreign key (tenant_id, alert_id) references alerts on delete cascade
);
create index alert_reminders_due on alert_reminders (due_at);
select andon_protect('alert_reminders');

alter table rules add constraint rules_policy foreign key (tenant_id, policy_id) references escalation_policies on delete set null (policy_id);

-- Which tenants have something to tell now: asked each second, for all of them at once.
create policy owner_looks_up on outbox for select to current_user using (true);
create policy owner_looks_up on notifications for select to current_user using (true);
create policy owner_looks_up on alert_reminders for select to current_user using (true);
create function andon_tenants_to_notify(moment timestamptz) returns table (tenant_id int)
language sql stable security definer set search_path = public, pg_temp as $$
  select o.tenant_id from outbox o where o.done_at is null and o.due_at <= moment and o.topic = 'alert'
  union select n.tenant_id from notifications n where n.state in ('queued', 'sending') and n.due_at <= moment
  union select r.tenant_id from alert_reminders r where r.due_at <= moment
$$;

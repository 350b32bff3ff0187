-- Connections to brokers, what runs them, what is sent by them; dead letters that can be replayed. REQUIREMENTS IN-3, IN-4, IN-7, UI-6.

create table connections (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  name text not null check (length(name) between 1 and 200),
  kind text not null check (kind in ('mqtt', 'kafka')),
  settings jsonb not null default '{}',  -- what may be shown: host, port, topics, certificates
  secret jsonb not null default '{}',    -- password, private key: written, never shown
  sends text[] not null default '{}' check (sends <@ '{alerts,metrics,events}'),
  enabled boolean not null default false,
  version int not null default 1,        -- moves with each change: whoever runs it begins anew
  created_at timestamptz not null default now(),
  primary key (tenant_id, id)
);
create unique index connections_name on connections (tenant_id, lower(name));
select andon_protect('connections');
create policy owner_looks_up on connections for select to current_user using (true);

-- Each client of a connection as the replica that runs it says every two seconds. Slot -1 is the one that sends.
create table connection_clients (
  tenant_id int not null,
  connection_id int not null,
  slot smallint not null,
  replica text not null,
  state text not null check (state in ('connecting', 'connected', 'waiting', 'failed')),
  detail text not null default '',
  since timestamptz not null default now(),
  messages bigint not null default 0,
  stored bigint not null default 0,
  duplicates bigint not null default 0,
  conflicts bigint not null default 0,
  refused bigint not null default 0,
  per_s double precision not null default 0,
  lag bigint,                            -- messages behind: of the group in Kafka, not yet acknowledged in MQTT, not yet sent
  last_message_at timestamptz,
  last_error text,
  last_error_at timestamptz,
  subscribed text[] not null default '{}', -- what the broker's session knows: a topic that is dropped is unsubscribed
  seen_at timestamptz not null default now(),
  primary key (tenant_id, connection_id, slot),
  foreign key (tenant_id, connection_id) references connections on delete cascade
);
select andon_protect('connection_clients');

-- Of every tenant, for the replica that looks for what it should run. Secrets are read in the tenant's own transaction.
create function andon_connections()
returns table (tenant_id int, id int, kind text, version int, clients int, sends boolean)
language sql stable security definer set search_path = public, pg_temp as $$
  select c.tenant_id, c.id, c.kind, c.version, coalesce((c.settings->>'clients')::int, 1), c.sends <> '{}'
  from connections c where c.enabled order by c.tenant_id, c.id
$$;

-- What is sent waits in the outbox, one row for each connection that sends it, and is deleted once the broker has it.
alter table outbox add column connection_id int;
alter table outbox add constraint outbox_connection foreign key (tenant_id, connection_id) references connections on delete cascade;
create index outbox_to_send on outbox (tenant_id, connection_id, id) where connection_id is not null;

-- Whoever writes an event of an alert, it goes out to the connections that want it, in the same transaction.
create function andon_send_alerts() returns trigger language plpgsql as $$
begin
  if not exists (select from connections where enabled and 'alerts' = any (sends)) then return null; end if;
  insert into outbox (tenant_id, topic, connection_id, payload)
  select e.tenant_id, 'kafka', c.id, jsonb_build_object('topic', 'alerts', 'key', e.id::text, 'value', jsonb_build_object(
    'event_id', e.id, 'alert_id', e.alert_id, 'event', e.what, 'at', e.at, 'by', e.by, 'comment', e.comment,
    'silent', e.silent, 'plant', t.key, 'device_id', d.key, 'sensor_type', s.key, 'type', a.type, 'code', a.code,
    'severity', coalesce(e.severity, a.severity), 'state', e.state, 'message', a.message, 'value', coalesce(e.value, a.value),
    'unit', s.unit, 'raised_at', a.raised_at, 'ended_at', a.ended_at))
  from written e join alerts a on a.id = e.alert_id join devices d on d.id = a.device_id join tenants t on t.id = e.tenant_id
  left join sensors s on s.id = a.sensor_id
  join connections c on c.enabled and 'alerts' = any (c.sends)
  order by e.id;
  return null;
end $$;
create trigger andon_send_alerts after insert on alert_events referencing new table as written
  for each statement execute function andon_send_alerts();

create function andon_send_events() returns trigger language plpgsql as $$
begin
  if not exists (select from connections where enabled and 'events' = any (sends)) then return null; end if;
  insert into outbox (tenant_id, topic, connection_id, payload)
  select e.tenant_id, 'kafka', c.id, jsonb_build_object('topic', 'events', 'key', e.id::text, 'value', jsonb_build_object(
    'event_id', e.id, 'event', e.action, 'at', e.at, 'by', e.actor, 'target', e.target, 'detail', e.detail, 'plant', t.key))
  from written e join tenants t on t.id = e.tenant_id join connections c on c.enabled and 'events' = any (c.sends)
  order by e.id;
  return null;
end $$;
create trigger andon_send_events after insert on audit_log referencing new table as written
  for each statement execute function andon_send_events();

-- What names the device and the time where the payload does not, and where it came from: a replay needs it.
alter table dead_letters add column context jsonb not null default '{}', add column tries int not null default 0;
create index dead_letters_kept on dead_letters (tenant_id, id desc);

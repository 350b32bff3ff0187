"""The statements behind `db.commands.alarms`. Documents carry times as microseconds since 1970 (`_us`)."""

from db.binary import INT4, array_types
from db.exchange import Statement
from db.jsonb import statement


def _us(column: str) -> str:
    return f"(extract(epoch from {column}) * 1000000)::bigint"


def _at(value: str) -> str:
    return f"timestamptz 'epoch' + {value} * interval '1 microsecond'"


_WANTED = "jsonb_to_recordset($1::jsonb) as p (rule int, device int, sensor int)"
TARGET_LOCK = 7_266_303
LOCK_RULES = statement(
    b"andon_lock_rules",
    f"select count(*)::text from (select id from rules where id in (select rule from {_WANTED}) order by id for share) locked",
    "j",
)
LOCK_TARGETS = statement(
    b"andon_lock_targets",
    f"""
select count(pg_advisory_xact_lock({TARGET_LOCK}, key))::text from (
  select distinct hashtext(concat_ws(':', current_setting('andon.tenant'), rule, device, sensor)) as key
  from {_WANTED} order by key) keys""",
    "j",
)
READ_TARGETS = statement(
    b"andon_read_targets",
    f"""
select coalesce(jsonb_agg(jsonb_build_object(
  'rule', p.rule, 'device', p.device, 'sensor', p.sensor, 'version', r.version, 'enabled', r.enabled and r.removed_at is null,
  'state', s.state, 'state_version', s.rule_version, 'due_us', {_us("s.due_at")},
  'alert', case when a.id is not null then jsonb_build_object(
    'id', a.id, 'state', a.state, 'severity', a.severity, 'raised_us', {_us("a.raised_at")}, 'occurrences', a.occurrences,
    'level', a.escalation_level, 'asked_us', {_us("a.asked_at")}, 'acknowledged_us', {_us("a.acknowledged_at")},
    'acknowledged_by', a.acknowledged_by) end,
  'over', (select coalesce(jsonb_agg(jsonb_build_object('kind', o.kind, 'source', o.source, 'since_us', {_us("o.since")},
      'until_us', {_us("o.until")}, 'until_clear', o.until_clear, 'reason', o.reason, 'by', o.by) order by o.id), '[]')
    from alert_suppressors o where o.rule_id = p.rule and o.device_id = p.device and o.sensor_id = p.sensor),
  'windows', (select jsonb_agg(jsonb_build_object('id', w.id, 'since_us', {_us("w.began_at")}, 'reason', w.reason, 'by', w.by)
      order by w.id) from maintenance_windows w where w.began_at is not null and w.ended_at is null and (
      w.device_id = p.device
      or w.group_id in (select m.group_id from device_group_members m where m.device_id = p.device)
      or w.line = (select d.line from devices d where d.id = p.device)
      or (w.device_id is null and w.group_id is null and w.line is null))))), '[]')::text
from {_WANTED}
left join rules r on r.id = p.rule
left join rule_state s on s.rule_id = p.rule and s.device_id = p.device and s.sensor_id = p.sensor
left join alerts a on a.rule_id = p.rule and a.device_id = p.device and coalesce(a.sensor_id, 0) = p.sensor and a.ended_at is null""",
    "j",
)
# Of the ingest path, with arrays in the binary format: what the rules of these sensors and devices wait for.
WAITING = Statement(
    b"andon_waiting",
    """
select json_agg(json_build_array(w.rule_id, w.device_id, w.sensor_id, w.rule_version, w.state))::text from (
  select * from rule_state where sensor_id = any($1)
  union all select * from rule_state where sensor_id = 0 and device_id = any($2)) w""",
    array_types(INT4, INT4),
)
OPEN_TARGETS = statement(
    b"andon_open_targets",
    """
select coalesce(jsonb_agg(jsonb_build_array(rule_id, device_id, coalesce(sensor_id, 0)) order by id), '[]')::text from alerts
where ended_at is null and rule_id is not null and device_id in (select value::int from jsonb_array_elements_text($1::jsonb))""",
    "j",
)
RULE_TARGETS = statement(
    b"andon_rule_targets",
    """
select coalesce(jsonb_agg(jsonb_build_array(rule_id, device_id, sensor_id)), '[]')::text from (
  select rule_id, device_id, sensor_id from rule_state where rule_id = $1::int
  union select rule_id, device_id, coalesce(sensor_id, 0) from alerts where rule_id = $1::int and ended_at is null
  union select rule_id, device_id, sensor_id from alert_suppressors where rule_id = $1::int) t""",
    "i",
)
DUE_TARGETS = statement(
    b"andon_due_targets",
    f"""
select coalesce(jsonb_agg(jsonb_build_array(rule_id, device_id, sensor_id)), '[]')::text from (
  select rule_id, device_id, sensor_id from rule_state where due_at <= {_at("($1::jsonb->>0)::bigint")}
  union select rule_id, device_id, coalesce(sensor_id, 0) from alerts
    where rule_id is not null and escalates_at <= {_at("($1::jsonb->>0)::bigint")}
  union select rule_id, device_id, sensor_id from alert_suppressors where until <= {_at("($1::jsonb->>0)::bigint")}) t""",
    "j",
)
WRITE_STATES = statement(
    b"andon_write_states",
    f"""
with t as (select * from jsonb_to_recordset($2::jsonb->'states')
    as t (rule int, device int, sensor int, version int, state jsonb, due_us bigint)),
gone as (
  delete from rule_state s using t where t.state is null and s.rule_id = t.rule and s.device_id = t.device and s.sensor_id = t.sensor)
insert into rule_state (tenant_id, rule_id, device_id, sensor_id, rule_version, state, due_at)
select $1::int, rule, device, sensor, version, state, {_at("due_us")} from t where state is not null
on conflict (tenant_id, rule_id, device_id, sensor_id)
do update set rule_version = excluded.rule_version, state = excluded.state, due_at = excluded.due_at""",
    "ij",
)
WRITE_OVER = statement(
    b"andon_write_over",
    f"""
with t as (select * from jsonb_to_recordset($2::jsonb->'over') as t (rule int, device int, sensor int, "all" jsonb)),
gone as (
  delete from alert_suppressors s using t where s.rule_id = t.rule and s.device_id = t.device and s.sensor_id = t.sensor
  and not exists (select 1 from jsonb_to_recordset(t."all") as o (kind text, source text) where o.kind = s.kind and o.source = s.source))
insert into alert_suppressors (tenant_id, rule_id, device_id, sensor_id, kind, source, since, until, until_clear, reason, by)
select $1::int, t.rule, t.device, t.sensor, o.kind, o.source, {_at("o.since_us")}, {_at("o.until_us")}, o.until_clear, o.reason, o.by
from t, jsonb_to_recordset(t."all")
  as o (kind text, source text, since_us bigint, until_us bigint, until_clear boolean, reason text, by text)
on conflict (tenant_id, rule_id, device_id, sensor_id, kind, source) do update set since = excluded.since, until = excluded.until,
  until_clear = excluded.until_clear, reason = excluded.reason, by = excluded.by""",
    "ij",
)
_COLUMNS = """state text, severity text, level smallint, occurrences int, delayed boolean, asked_us bigint, escalates_us bigint,
  acknowledged_us bigint, acknowledged_by text, ended_us bigint, last_us bigint, raised_us bigint, keep_answer boolean,
  type text, code text, message text, value double precision, cause text"""
_EVENTS = """jsonb_to_recordset($2::jsonb->'events') as e (rule int, device int, sensor int, n int, alert_id bigint, fresh boolean,
  at_us bigint, what text, state text, silent boolean, severity text, level smallint, by text, comment text, delayed boolean,
  value double precision)"""
_TOLD = f"""
told as (
  insert into alert_events (tenant_id, alert_id, rule_id, device_id, sensor_id, at, what, state, by, comment, severity, silent, delayed,
    level, value)
  select $1::int, %s, e.rule, e.device, nullif(e.sensor, 0), {_at("e.at_us")}, e.what, e.state, e.by, e.comment, e.severity, e.silent,
    e.delayed, e.level, e.value
  from {_EVENTS} %s order by e.n
  returning id, alert_id, what, state, severity, level, silent, at, value, by),
streamed as (
  insert into stream_events (tenant_id, kind, body)
  select $1::int, 'alert', convert_to(jsonb_build_object('alert_id', alert_id, 'event_id', id, 'what', what, 'state', state,
    'severity', severity, 'silent', silent, 'at_us', {_us("at")}, 'value', value, 'by', by)::text, 'UTF8')
  from told where alert_id is not null order by id)
insert into outbox (tenant_id, topic, payload)
select $1::int, 'alert', jsonb_build_object('alert_id', alert_id, 'event_id', id, 'what', what, 'state', state, 'severity', severity,
  'level', level) from told where not silent and alert_id is not null order by id"""
WRITE_ALERTS = statement(
    b"andon_write_alerts",
    f"""
with moved as (
  update alerts a set state = n.state, severity = coalesce(n.severity, a.severity), escalation_level = n.level,
    occurrences = a.occurrences + n.occurrences, delayed = a.delayed or n.delayed, asked_at = {_at("n.asked_us")},
    escalates_at = {_at("n.escalates_us")},
    acknowledged_at = case when n.keep_answer then a.acknowledged_at else {_at("n.acknowledged_us")} end,
    acknowledged_by = case when n.keep_answer then a.acknowledged_by else n.acknowledged_by end,
    ended_at = {_at("n.ended_us")}, last_event_at = coalesce({_at("n.last_us")}, a.last_event_at),
    type = coalesce(n.type, a.type), code = coalesce(n.code, a.code), message = coalesce(n.message, a.message),
    value = case when n.message is null then a.value else n.value end, cause = coalesce(n.cause, a.cause), version = a.version + 1
  from jsonb_to_recordset($2::jsonb->'alerts') as n (id bigint, {_COLUMNS}) where a.id = n.id),
"""
    + _TOLD % ("e.alert_id", "where not e.fresh"),
    "ij",
)
RAISE_ALERTS = statement(
    b"andon_raise_alerts",
    f"""
with made as (
  insert into alerts (tenant_id, rule_id, device_id, sensor_id, type, code, severity, state, message, value, cause, raised_at, occurrences,
    escalation_level, asked_at, escalates_at, delayed, last_event_at)
  select $1::int, n.rule, n.device, nullif(n.sensor, 0), n.type, n.code, n.severity, n.state, n.message, n.value, n.cause,
    {_at("n.raised_us")}, n.occurrences, n.level, {_at("n.asked_us")}, {_at("n.escalates_us")}, n.delayed, {_at("n.last_us")}
  from jsonb_to_recordset($2::jsonb->'fresh') as n (rule int, device int, sensor int, {_COLUMNS})
  on conflict do nothing
  returning id, rule_id, device_id, coalesce(sensor_id, 0) as sensor),
"""
    + _TOLD % ("made.id", "join made on made.rule_id = e.rule and made.device_id = e.device and made.sensor = e.sensor where e.fresh"),
    "ij",
)
TELL = statement(b"andon_tell", "select pg_notify($1::jsonb->>0, $1::jsonb->>1)::text", "j")

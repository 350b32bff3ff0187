drop function andon_leaving_tenants();
create or replace function andon_tenants()
returns table (id int, key text, name text, is_demo boolean, zone text, settings jsonb)
language sql stable security definer set search_path = public, pg_temp as $$
  select t.id, t.key, t.name, t.is_demo, t.zone, t.settings from tenants t order by t.id
$$;
drop table simulator_episodes, simulator_devices;

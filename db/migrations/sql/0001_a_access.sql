-- Tenants, people, sessions, keys, the audit log. REQUIREMENTS §8, DESIGN decision 3.

create function andon_protect(target regclass) returns void language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format($p$create policy tenant_isolation on %s
    using (tenant_id = (select nullif(current_setting('andon.tenant', true), '')::int))
    with check (tenant_id = (select nullif(current_setting('andon.tenant', true), '')::int))$p$, target);
end $$;

create table tenants (
  id int generated always as identity primary key,
  key text not null unique check (key ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name text not null check (length(name) between 1 and 200),
  is_demo boolean not null default false,
  zone text not null default 'UTC',
  settings jsonb not null default '{}',
  created_at timestamptz not null default now()
);
alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant_isolation on tenants
  using (id = (select nullif(current_setting('andon.tenant', true), '')::int))
  with check (id = (select nullif(current_setting('andon.tenant', true), '')::int));
-- The owner of the tables alone sees every tenant: the functions below run as it.
create policy owner_administers on tenants to current_user using (true) with check (true);

create table users (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  email text not null check (length(email) between 3 and 254),
  name text not null check (length(name) between 1 and 200),
  password_hash text,
  role text not null check (role in ('viewer', 'operator', 'manager', 'admin')),
  lines text[],                      -- null: every line of the plant
  is_platform boolean not null default false,
  preferences jsonb not null default '{}',
  created_at timestamptz not null default now(),
  disabled_at timestamptz,
  primary key (tenant_id, id)
);
create unique index users_email on users (lower(email));
select andon_protect('users');
create policy owner_looks_up on users for select to current_user using (true);

create table sessions (
  tenant_id int not null,
  id int generated always as identity,
  user_id int not null,
  token_hash bytea not null unique,
  active_tenant_id int not null references tenants on delete cascade,
  created_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  address text,
  agent text,
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references users on delete cascade
);
select andon_protect('sessions');
create policy owner_looks_up on sessions for select to current_user using (true);

create table api_keys (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  name text not null,
  key_hash bytea not null unique,
  hint text not null,                -- the first characters, to tell keys apart
  scopes text[] not null default '{ingest}',
  device_id int,                     -- null: every device of the tenant
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  primary key (tenant_id, id)
);
select andon_protect('api_keys');
create policy owner_looks_up on api_keys for select to current_user using (true);

create table audit_log (
  tenant_id int not null references tenants on delete cascade,
  id bigint generated always as identity,
  at timestamptz not null default now(),
  actor text not null,               -- user:7, key:3, job:simulate, system
  action text not null,
  target text not null default '',
  detail jsonb not null default '{}',
  address text,
  primary key (tenant_id, id)
);
create index audit_log_at on audit_log (tenant_id, at desc);
select andon_protect('audit_log');

-- Installation-wide, of no tenant.
create table installation (name text primary key, value text not null);
create table sign_in_attempts (
  subject bytea not null,            -- hash of the address or of the e-mail address
  at timestamptz not null default now()
);
create index sign_in_attempts_subject on sign_in_attempts (subject, at);

-- What must be found before the tenant is known: by hash or address, never by browsing.
create function andon_find_user(wanted text)
returns table (tenant_id int, id int, password_hash text, disabled boolean)
language sql stable security definer set search_path = public, pg_temp as $$
  select u.tenant_id, u.id, u.password_hash, u.disabled_at is not null from users u where lower(u.email) = lower(wanted)
$$;

create function andon_find_session(wanted bytea)
returns table (tenant_id int, id int, user_id int, active_tenant_id int, email text, name text, role text, lines text[],
               is_platform boolean, preferences jsonb, seen_at timestamptz, expires_at timestamptz)
language sql stable security definer set search_path = public, pg_temp as $$
  select s.tenant_id, s.id, s.user_id, s.active_tenant_id, u.email, u.name, u.role, u.lines, u.is_platform, u.preferences,
         s.seen_at, s.expires_at
  from sessions s join users u on u.tenant_id = s.tenant_id and u.id = s.user_id
  where s.token_hash = wanted and s.expires_at > now() and u.disabled_at is null
$$;

create function andon_find_key(wanted bytea)
returns table (tenant_id int, id int, scopes text[], device_id int)
language sql stable security definer set search_path = public, pg_temp as $$
  select k.tenant_id, k.id, k.scopes, k.device_id from api_keys k where k.key_hash = wanted and k.revoked_at is null
$$;

create function andon_tenants()
returns table (id int, key text, name text, is_demo boolean, zone text, settings jsonb)
language sql stable security definer set search_path = public, pg_temp as $$
  select t.id, t.key, t.name, t.is_demo, t.zone, t.settings from tenants t order by t.id
$$;

create function andon_has_users() returns boolean
language sql stable security definer set search_path = public, pg_temp as $$ select exists (select 1 from users) $$;

create function andon_create_tenant(new_key text, new_name text, new_zone text, demo boolean) returns int
language sql security definer set search_path = public, pg_temp as $$
  insert into tenants (key, name, zone, is_demo) values (new_key, new_name, new_zone, demo)
  on conflict (key) do update set name = tenants.name returning id
$$;

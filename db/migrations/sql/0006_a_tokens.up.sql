-- Programs of people: a sign-in begins a family, each refresh gives its next token. REQUIREMENTS AP-4, RFC 9700 §4.14.2.

create table token_families (
  tenant_id int not null,
  id int generated always as identity,
  user_id int not null,
  active_tenant_id int not null references tenants on delete cascade,
  created_at timestamptz not null,
  seen_at timestamptz not null,
  expires_at timestamptz not null,       -- whatever was refreshed meanwhile
  address text,
  agent text,
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references users on delete cascade
);
create index token_families_user on token_families (tenant_id, user_id);
select andon_protect('token_families');

create table refresh_tokens (
  tenant_id int not null,
  id bigint generated always as identity,
  family_id int not null,
  token_hash bytea not null unique,
  issued_at timestamptz not null,
  used_at timestamptz,                   -- used a second time, it ends its family
  primary key (tenant_id, id),
  foreign key (tenant_id, family_id) references token_families on delete cascade
);
create index refresh_tokens_family on refresh_tokens (tenant_id, family_id);
select andon_protect('refresh_tokens');
create policy owner_looks_up on refresh_tokens for select to current_user using (true);

create function andon_find_refresh_token(wanted bytea) returns table (tenant_id int, id bigint, family_id int)
language sql stable security definer set search_path = public, pg_temp as $$
  select r.tenant_id, r.id, r.family_id from refresh_tokens r where r.token_hash = wanted
$$;

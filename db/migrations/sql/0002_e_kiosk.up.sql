-- Wall screens: a link that an administrator makes, and the screens that were opened by it. Only hashes of their tokens are kept.

create table kiosk_links (
  tenant_id int not null references tenants on delete cascade,
  id int generated always as identity,
  name text not null check (length(name) between 1 and 100),
  token_hash bytea not null unique,
  pages text[] not null default '{/}',   -- paths with their query, in the order of the rotation
  page_s int not null default 20 check (page_s between 10 and 600),
  theme text not null default 'system' check (theme in ('system', 'light', 'dark')),
  lines text[],                          -- null: every line of the plant
  created_by text not null default '',
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  primary key (tenant_id, id)
);
select andon_protect('kiosk_links');
create policy owner_looks_up on kiosk_links for select to current_user using (true);

create table kiosk_screens (
  tenant_id int not null,
  id int generated always as identity,
  link_id int not null,
  token_hash bytea not null unique,
  created_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  address text,
  agent text,
  primary key (tenant_id, id),
  foreign key (tenant_id, link_id) references kiosk_links on delete cascade
);
create index kiosk_screens_link on kiosk_screens (tenant_id, link_id);
select andon_protect('kiosk_screens');
create policy owner_looks_up on kiosk_screens for select to current_user using (true);

create function andon_find_kiosk_link(wanted bytea) returns table (tenant_id int, id int)
language sql stable security definer set search_path = public, pg_temp as $$
  select l.tenant_id, l.id from kiosk_links l where l.token_hash = wanted and l.revoked_at is null
$$;

-- A screen that was away for a month is opened by its link again.
create function andon_find_kiosk_screen(wanted bytea)
returns table (tenant_id int, id int, link_id int, name text, pages text[], page_s int, theme text, lines text[], seen_at timestamptz)
language sql stable security definer set search_path = public, pg_temp as $$
  select s.tenant_id, s.id, s.link_id, l.name, l.pages, l.page_s, l.theme, l.lines, s.seen_at
  from kiosk_screens s join kiosk_links l on l.tenant_id = s.tenant_id and l.id = s.link_id
  where s.token_hash = wanted and l.revoked_at is null and s.seen_at > now() - interval '30 days'
$$;

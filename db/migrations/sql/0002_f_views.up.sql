-- Saved views: addresses of pages under a name, of a person or of the whole plant. REQUIREMENTS UI-13.

create table saved_views (
  tenant_id int not null references tenants on delete cascade,   -- a person's: where the account is; the plant's: the plant
  id int generated always as identity,
  user_id int,                       -- null: the whole plant's
  plant_id int not null references tenants on delete cascade,    -- what is looked at: somebody of the platform has views of several
  name text not null check (length(name) between 1 and 100),
  path text not null check (length(path) between 1 and 2000),
  made_by text not null,             -- user:7
  created_at timestamptz not null default now(),
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references users on delete cascade,
  check (user_id is not null or plant_id = tenant_id)
);
create unique index saved_views_name on saved_views (tenant_id, coalesce(user_id, 0), plant_id, lower(name));
select andon_protect('saved_views');

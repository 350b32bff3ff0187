drop function andon_find_refresh_token(bytea);
drop table refresh_tokens;
drop table token_families;

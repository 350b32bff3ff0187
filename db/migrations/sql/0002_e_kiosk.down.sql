drop function andon_find_kiosk_screen(bytea);
drop function andon_find_kiosk_link(bytea);
drop table kiosk_screens;
drop table kiosk_links;

alter table devices drop column accepts_new;
drop table removals;

drop table storage_samples, replicas, job_requests;
alter table job_runs drop column what, drop column every_s, drop column last_failed_at;

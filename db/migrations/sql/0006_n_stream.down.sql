drop table stream_events, stream_followed;

-- severity: critical
-- note: What every event has. A null among these would drop the event out of joins and sums unseen.
SELECT request_id, event_index, read_index, at_ns, event_type, data_bytes, is_done, has_token
FROM events
WHERE request_id IS NULL
   OR event_index IS NULL
   OR read_index IS NULL
   OR at_ns IS NULL
   OR event_type IS NULL
   OR data_bytes IS NULL
   OR is_done IS NULL
   OR has_token IS NULL

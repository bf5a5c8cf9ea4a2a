-- severity: critical
-- note: Events are in the order of the stream, and the clock is monotonic: neither stamps nor reads go back.
SELECT request_id, event_index, read_index, at_ns, previous_read_index, previous_at_ns
FROM (
    SELECT
        *,
        lag(at_ns) OVER in_order AS previous_at_ns,
        lag(read_index) OVER in_order AS previous_read_index
    FROM events
    WINDOW in_order AS (PARTITION BY request_id ORDER BY event_index)
)
WHERE at_ns < previous_at_ns
   OR read_index < previous_read_index

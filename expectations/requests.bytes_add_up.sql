-- severity: critical
-- note: Events are cut out of the body, so together they are no larger, and no read is named that never was.
SELECT
    request_id, body_bytes, sum(data_bytes) AS event_bytes, read_count, max(read_index) AS last_read_index
FROM requests
JOIN events USING (request_id)
GROUP BY request_id, body_bytes, read_count
HAVING sum(data_bytes) > body_bytes
    OR max(read_index) >= read_count

-- severity: critical
-- note: Events of one read share its stamp: within a read there is no time to be known.
SELECT request_id, read_index, min(at_ns) AS first_at_ns, max(at_ns) AS last_at_ns
FROM events
GROUP BY request_id, read_index
HAVING min(at_ns) < max(at_ns)

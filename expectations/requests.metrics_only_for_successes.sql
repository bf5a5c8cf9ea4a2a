-- severity: critical
-- note: Only complete and length have metrics. Everything else is counted and never enters a latency.
SELECT request_id, status, has_metrics
FROM requests
WHERE has_metrics <> (status IN ('complete', 'length'))

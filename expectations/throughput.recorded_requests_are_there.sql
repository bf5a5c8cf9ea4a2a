-- severity: critical
-- note: A run has as many requests here as its manifest says that it recorded, warm-up and retries among them.
SELECT run_id, requests_recorded, coalesce(counted.requests, 0) AS requests
FROM runs
LEFT JOIN (SELECT run_id, count(*) AS requests FROM requests GROUP BY run_id) AS counted USING (run_id)
WHERE requests_recorded <> coalesce(counted.requests, 0)

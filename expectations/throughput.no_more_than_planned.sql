-- severity: warning
-- note: A run sends what its plan says, and beyond that only retries of requests that were refused.
SELECT run_id, requests_planned, requests_sent, retries
FROM throughput
WHERE requests_sent - retries > requests_planned

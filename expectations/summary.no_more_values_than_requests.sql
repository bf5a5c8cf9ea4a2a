-- severity: critical
-- note: A statistic rests on requests that were sent, one value each, or on runs.
SELECT target, scenario, metric, n, requests_sent
FROM summary
WHERE n > requests_sent

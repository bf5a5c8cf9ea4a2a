-- severity: critical
-- note: Below 100 values the 99th percentile is the maximum by another name: null. From 100 on it is there.
SELECT target, scenario, metric, n, p99
FROM summary
WHERE (n < 100) <> (p99 IS NULL)

-- severity: critical
-- note: No tool counts more requests than were sent, and each has at least one value of those that it counts.
SELECT target, scenario, dialect, metric, requests_sent, requests_counted, n
FROM dialect_summary
WHERE requests_counted NOT BETWEEN 1 AND requests_sent
   OR n < requests_counted

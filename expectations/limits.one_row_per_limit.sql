-- severity: critical
-- note: A response states a limit once; twice would be two limits under one name.
SELECT request_id, subject, period, count(*) AS rows
FROM limits
GROUP BY request_id, subject, period
HAVING count(*) > 1

-- severity: critical
-- note: Every event answers a request of this night.
SELECT request_id, count(*) AS events
FROM events
WHERE request_id NOT IN (SELECT request_id FROM requests WHERE request_id IS NOT NULL)
GROUP BY request_id

-- severity: critical
-- note: A retry repeats a request of the same run that a server refused, and is due after that one's end; anything
--   else that is sent twice would weigh twice.
SELECT request_id, attempt, retry_of, first.http_status AS refused_with
FROM requests
LEFT JOIN (SELECT request_id AS retry_of, run_id, http_status, sent_ns + end_ns AS over_ns FROM requests) AS first
    USING (retry_of, run_id)
WHERE (attempt > 1) <> (retry_of IS NOT NULL)
   OR (retry_of IS NOT NULL AND coalesce(first.http_status, 0) NOT IN (429, 503, 529))
   OR scheduled_ns < first.over_ns

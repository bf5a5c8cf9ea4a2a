-- severity: critical
-- note: Nulls are explained by the status: only a request that never got a response head has no HTTP status,
--   and only what the transport saw can be called cancelled or timed out.
SELECT request_id, status, outcome, http_status, sent_ns, end_ns, error
FROM requests
WHERE (status = 'cancelled') <> (outcome = 'cancelled')
   OR (status = 'timeout' AND outcome <> 'timed_out')
   OR (status = 'connection_error' AND http_status IS NOT NULL)
   OR (status = 'http_error' AND coalesce(http_status BETWEEN 200 AND 299, true))
   OR (
       status NOT IN ('cancelled', 'timeout', 'connection_error', 'http_error')
       AND NOT coalesce(http_status BETWEEN 200 AND 299, false)
   )

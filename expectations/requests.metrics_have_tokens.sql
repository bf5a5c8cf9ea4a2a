-- severity: critical
-- note: A request that succeeded produced a token. A count of 0 stands for a count that went wrong: undefined
--   is null.
SELECT request_id, status, token_event_count, tokens, tokens_recounted, tokens_reported
FROM requests
WHERE has_metrics
  AND tokens < 1

-- severity: critical
-- note: A statistic rests on requests that were sent, one value each, or on runs; gaps between tokens
--   (itl_ms) are many in a request.
SELECT target, scenario, metric, n, requests_sent
FROM summary
WHERE n > requests_sent
  AND metric <> 'itl_ms'

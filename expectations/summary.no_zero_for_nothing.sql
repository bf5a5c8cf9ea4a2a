-- severity: critical
-- note: A latency or a speed of 0 is a missing value in disguise. (Lag may be 0 or less; so may the throughput
--   of a window in which nothing arrived, goodput where nothing was good, and the cost of what is free.)
SELECT target, scenario, metric, n, p10, p50
FROM summary
WHERE p10 <= 0
  AND metric NOT IN (
    'schedule_lag_ms', 'output_throughput_tok_s', 'request_throughput_req_s', 'goodput_req_s', 'usd_per_request',
    'usd_per_million_tokens'
  )

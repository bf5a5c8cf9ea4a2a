-- What does a stream pay for the throughput of all? One row a level of load of the last night: as concurrency
-- rises the system delivers more and each stream less, and `speed_left` tells how much of its speed alone a
-- stream keeps.
SELECT target, scenario, concurrency,
       round(max(p50) FILTER (metric = 'output_throughput_tok_s'), 1) AS throughput_tok_s,
       round(max(p50) FILTER (metric = 'output_speed_tok_s'), 1) AS speed_p50_tok_s,
       round(max(p50) FILTER (metric = 'ttft_ms'), 1) AS ttft_p50_ms,
       round(max(p95) FILTER (metric = 'ttft_ms'), 1) AS ttft_p95_ms,
       round(speed_p50_tok_s / first_value(speed_p50_tok_s) OVER alone, 3) AS speed_left
FROM summary
WHERE night = (SELECT max(night) FROM summary) AND load = 'closed'
GROUP BY target, workload, scenario, concurrency
WINDOW alone AS (PARTITION BY target, workload ORDER BY concurrency, scenario)
ORDER BY target, workload, concurrency, scenario

-- Whose tokens come in bursts? One row a target and scenario of the last night: tokens an arrival and the gaps
-- between arrivals. Above 1.2 tokens an arrival a gap says nothing of the time between tokens, and `itl_ms` is
-- null.
SELECT target, scenario, count(DISTINCT request_id) AS requests,
       round(avg(tokens_per_arrival), 2) AS tokens_per_arrival,
       round(p50(gap_ns / 1e6), 2) AS gap_p50_ms, round(p99(gap_ns / 1e6), 2) AS gap_p99_ms,
       round(max(gap_ns / 1e6), 2) AS gap_max_ms,
       round(p50(itl_ms), 2) AS itl_p50_ms, any_value(reason ORDER BY request_id, gap_index) AS why_no_itl
FROM itl
WHERE night = (SELECT max(night) FROM summary)
GROUP BY target, scenario
ORDER BY tokens_per_arrival DESC, target, scenario

-- When is a target slow? One row a target, scenario and hour (UTC) in which its rounds began, over all nights;
-- `beside_best` is how much longer the first token takes than in the target's best hour.
SELECT target, scenario, hour(started_at AT TIME ZONE 'UTC') AS hour_utc, count(DISTINCT night) AS nights,
       count(*) AS requests,
       round(p50(ttft_ms), 1) AS ttft_p50_ms, round(p95(ttft_ms), 1) AS ttft_p95_ms,
       round(ttft_p50_ms / min(ttft_p50_ms) OVER (PARTITION BY target, scenario), 2) AS beside_best
FROM ttft
JOIN (SELECT run_id, started_at FROM runs) USING (run_id)
GROUP BY target, scenario, hour_utc
ORDER BY target, scenario, hour_utc

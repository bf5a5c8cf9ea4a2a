-- Did the load start when it should? One row a target and open loop of the last night: how late requests were
-- sent. A late load generator makes a server look better than it is.
SELECT t.target, t.scenario, r.rate_req_s, count(*) AS requests, round(p50(t.schedule_lag_ms), 2) AS lag_p50_ms,
       round(p95(t.schedule_lag_ms), 2) AS lag_p95_ms, round(max(t.schedule_lag_ms), 2) AS lag_max_ms
FROM ttft AS t
JOIN runs AS r USING (run_id)
WHERE r.load = 'open' AND t.night = (SELECT max(night) FROM summary)
GROUP BY t.target, t.scenario, r.rate_req_s
ORDER BY lag_p95_ms DESC, t.target, t.scenario

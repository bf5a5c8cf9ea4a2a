-- Who answers fastest in nineteen of twenty requests for at most half a dollar per million output tokens? One row a
-- target of the last night, with the input that a token takes counted in; who is too dear stands last and says so.
SET VARIABLE usd_per_million = 0.5;
SELECT s.family, s.target, s.scenario, s.n, round(s.p95, 1) AS ttft_p95_ms, round(s.p95_low, 1) AS low_ms,
       round(s.p95_high, 1) AS high_ms, round(c.p50, 3) AS usd_per_million_tokens,
       c.p50 <= getvariable('usd_per_million') AS is_affordable
FROM summary AS s
JOIN summary AS c USING (night, target, model, workload, scenario)
WHERE s.metric = 'ttft_ms' AND c.metric = 'usd_per_million_tokens' AND s.night = (SELECT max(night) FROM summary)
ORDER BY is_affordable DESC, s.p95, s.target, s.scenario

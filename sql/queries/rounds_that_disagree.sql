-- Can one round speak for the night? One row a target and scenario of the last night: its median TTFT in the
-- best and the worst round. Where they lie far apart, a single measurement of it says when it was taken, not
-- how fast the target is.
WITH by_round AS (
    SELECT target, scenario, round, round(p50(ttft_ms), 3) AS ttft_p50_ms
    FROM ttft
    WHERE night = (SELECT max(night) FROM summary)
    GROUP BY ALL
)
SELECT target, scenario, count(*) AS rounds, round(min(ttft_p50_ms), 1) AS best_ms,
       arg_min(round, [ttft_p50_ms, round]) AS best_round,
       round(max(ttft_p50_ms), 1) AS worst_ms, arg_max(round, [ttft_p50_ms, -round]) AS worst_round,
       round(max(ttft_p50_ms) / min(ttft_p50_ms), 2) AS worst_over_best
FROM by_round
GROUP BY target, scenario
ORDER BY worst_over_best DESC, target, scenario

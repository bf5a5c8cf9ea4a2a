-- What is worse than a week ago? One row a figure that was worse in every round of the last night than in the
-- same round of the last night at least seven days older, by 5 % or more in the middle, worst first. Same
-- rounds, same time of day.
WITH last AS (SELECT max(night) AS night FROM summary),
week AS (SELECT max(night) AS night FROM summary WHERE night <= (SELECT night FROM last) - INTERVAL 7 DAY),
value AS (
    SELECT night, target, workload, scenario, round, 'ttft_ms' AS metric, 1 AS worse_is, p50(ttft_ms) AS value
    FROM ttft GROUP BY ALL
    UNION ALL
    SELECT night, target, workload, scenario, round, 'tpot_ms', 1, p50(tpot_ms) FROM output_speed GROUP BY ALL
    UNION ALL
    SELECT night, target, workload, scenario, round, 'output_throughput_tok_s', -1,
           output_throughput_tok_s FROM throughput
    UNION ALL
    SELECT night, target, workload, scenario, round, 'success_rate', -1, success_rate FROM throughput
),
by_round AS (
    SELECT target, workload, scenario, metric, worse_is, before.night AS since, before.value AS before,
           after.value AS after,
           after.value / nullif(before.value, 0) AS ratio
    FROM value AS after
    JOIN value AS before USING (target, workload, scenario, round, metric, worse_is)
    WHERE after.night = (SELECT night FROM last) AND before.night = (SELECT night FROM week)
)
SELECT target, workload, scenario, metric, since, count(*) AS rounds, round(median(before), 2) AS before,
       round(median(after), 2) AS after, round(median(ratio), 3) AS ratio, round(min(ratio), 3) AS low,
       round(max(ratio), 3) AS high
FROM by_round
GROUP BY target, workload, scenario, metric, worse_is, since
HAVING bool_and(CASE WHEN worse_is = 1 THEN ratio > 1 ELSE ratio < 1 END)
   AND CASE WHEN worse_is = 1 THEN median(ratio) >= 1.05 ELSE median(ratio) <= 1 / 1.05 END
ORDER BY abs(ln(greatest(median(ratio), 1e-9))) DESC, target, scenario, metric

-- Who is faster than whom, and by how much? One row a pair of targets and metric of the last night, with the
-- interval of the ratio; where it spans 1 no difference is shown, which is not the same as none.
SELECT family, scenario, metric, target, other, rounds, round(ratio, 3) AS ratio, round(ratio_low, 3) AS low,
       round(ratio_high, 3) AS high, coalesce(verdict, 'one round cannot tell') AS verdict
FROM comparison
WHERE night = (SELECT max(night) FROM summary)
    AND metric IN ('ttft_ms', 'output_speed_tok_s', 'output_throughput_tok_s')
ORDER BY family, scenario, metric, target, other

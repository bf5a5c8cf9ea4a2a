-- How did a target change over the nights? Replace the name; without one, the target with most nights is shown.
SET VARIABLE target = (SELECT target FROM trend GROUP BY target ORDER BY count(DISTINCT night) DESC, target LIMIT 1);
SELECT night, target, scenario, metric, unit, n, round(p10, 2) AS p10, round(p50, 2) AS p50, round(p90, 2) AS p90
FROM trend
WHERE target = getvariable('target') AND metric IN ('ttft_ms', 'output_speed_tok_s')
ORDER BY scenario, metric, night

-- Since when is a figure on another level? One row a change of the last year that the nights show beyond luck,
-- newest first.
SELECT night AS since, target, scenario, metric, unit, round(before, 2) AS before, round(after, 2) AS after,
       round(ratio, 3) AS ratio, round(ratio_low, 3) AS low, round(ratio_high, 3) AS high, nights_after,
       is_recent
FROM changes
ORDER BY night DESC, target, scenario, metric

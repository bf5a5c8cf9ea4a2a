-- Do enough requests lie under MLPerf's limits to show them at the 99th percentile? One row a target, scenario
-- and limit of the last night: how many are needed under it, and how many there are. Not shown is not the same
-- as broken.
SELECT target, scenario, benchmark, metric, "limit" AS limit_ms, n, over, needed_under, n - over AS under,
       is_shown
FROM early_stopping
WHERE night = (SELECT max(night) FROM summary)
ORDER BY is_shown DESC, target, scenario, benchmark, metric

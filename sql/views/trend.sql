-- Median, its interval, and spread of every metric by night; changes of level stand in `changes`. A night without a row is a gap, not a zero.
SELECT night, target, model, family, workload, scenario, provenance, metric, unit, n, p10, p50, p50_low, p50_high, p90
FROM summary

-- Median and spread of every metric by night. A night without a row is a gap, not a zero.
SELECT night, target, model, family, workload, scenario, provenance, metric, unit, n, p10, p50, p90
FROM summary

-- severity: critical
-- note: A pair is two targets, named once, in the order of their names.
SELECT target, other, workload, scenario, metric
FROM comparison
WHERE target >= other

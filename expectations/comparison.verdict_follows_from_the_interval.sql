-- severity: critical
-- note: A difference is called one only where the whole interval of the ratio lies on one side of 1.
SELECT target, other, workload, scenario, metric, ratio, ratio_low, ratio_high, verdict
FROM comparison
WHERE verdict IS DISTINCT FROM CASE
    WHEN ratio_low > 1 THEN 'higher'
    WHEN ratio_high < 1 THEN 'lower'
    WHEN ratio_low IS NOT NULL THEN 'no difference shown'
END

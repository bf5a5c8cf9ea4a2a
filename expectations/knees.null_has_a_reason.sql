-- severity: critical
-- note: A knee, or a level within the SLO, is there, or the reason why it is not.
SELECT target, workload, sweep, knee_level, knee_reason, slo_level, slo_reason
FROM knees
WHERE (knee_level IS NULL) <> (knee_reason IS NOT NULL)
   OR (slo_level IS NULL) <> (slo_reason IS NOT NULL)

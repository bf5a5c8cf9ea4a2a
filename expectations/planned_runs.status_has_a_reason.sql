-- severity: critical
-- note: A run that was finished has an id; one that was not says why.
SELECT target, workload, scenario, round, status, run_id, reason
FROM planned_runs
WHERE (status = 'finished' AND run_id IS NULL)
   OR (status IN ('skipped', 'failed', 'interrupted', 'stopped', 'refused') AND reason IS NULL)
   OR (status IN ('skipped', 'missing')) <> (run_id IS NULL)

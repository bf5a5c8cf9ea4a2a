-- severity: warning
-- note: A run of the plan was finished, or there is a manifest or a reason that says why not. One without either was
--   never tried, or its traces are gone: the figures of its target rest on fewer rounds than the plan has.
SELECT target, workload, scenario, round, status, reason
FROM planned_runs
WHERE status = 'missing'

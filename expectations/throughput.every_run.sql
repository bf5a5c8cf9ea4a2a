-- severity: critical
-- note: Every recorded run has a row, the failed ones too: a target that vanishes from the table looks like one
--   that was not asked.
SELECT run_id, runs.target, runs.outcome
FROM runs
LEFT JOIN throughput USING (run_id)
WHERE throughput.target IS NULL

-- severity: critical
-- note: Every run has a row that counts, if only to say why its energy is not known: what is not there cannot be
--   asked for its reason.
SELECT run_id, runs.target
FROM runs
LEFT JOIN (SELECT DISTINCT run_id, is_counted FROM hardware WHERE is_counted) AS told USING (run_id)
WHERE told.is_counted IS NULL

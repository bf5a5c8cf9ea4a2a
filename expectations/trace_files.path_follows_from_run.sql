-- severity: critical
-- note: A run lies where its night, target and id say: only there is it found when a figure is followed back.
SELECT run_id, file, path
FROM trace_files
WHERE path <> concat('night=', night, '/target=', target, '/', run_id, '/', file)

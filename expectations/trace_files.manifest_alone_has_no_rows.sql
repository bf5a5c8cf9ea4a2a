-- severity: critical
-- note: The manifest says of every file how many rows it has; of itself it cannot.
SELECT run_id, file, "rows"
FROM trace_files
WHERE (file = 'manifest.json') <> ("rows" IS NULL)

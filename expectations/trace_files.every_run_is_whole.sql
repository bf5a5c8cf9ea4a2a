-- severity: critical
-- note: A closed run has a manifest, requests and reads; what else there is (samples, an engine's own metrics) may be.
SELECT run_id, string_agg(file, ', ' ORDER BY file) AS files
FROM trace_files
GROUP BY run_id
HAVING count(*) FILTER (file IN ('manifest.json', 'requests.parquet', 'reads.parquet')) < 3

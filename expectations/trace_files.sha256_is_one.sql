-- severity: critical
-- note: 256 bits, in lower case as sha256sum prints them.
SELECT run_id, file, sha256
FROM trace_files
WHERE NOT regexp_full_match(sha256, '[0-9a-f]{64}')

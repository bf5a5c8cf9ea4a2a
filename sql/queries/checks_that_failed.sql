-- Which checks did not pass? One row a night and check, newest night first, with what it guards and a first
-- failing row.
SELECT night, table_name, check_name, severity, unexpected_count, sample, notes, error
FROM check_results
WHERE NOT passed
ORDER BY night DESC, severity, table_name, check_name

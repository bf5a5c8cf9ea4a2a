-- severity: critical
-- note: Traces are recorded in their own night, which may run on for six hours after midnight. A run of another day
--   is another day's figure under this one's date.
SELECT run_id, night, started_at
FROM runs
WHERE started_at < night::TIMESTAMP AT TIME ZONE 'UTC'
   OR started_at > (night::TIMESTAMP + INTERVAL 31 HOUR) AT TIME ZONE 'UTC'

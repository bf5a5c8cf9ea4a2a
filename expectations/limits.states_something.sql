-- severity: critical
-- note: A row without an amount and without a time is a name that was read as a limit and is none.
SELECT request_id, subject, period
FROM limits
WHERE allowed IS NULL
  AND remaining IS NULL
  AND reset_ms IS NULL

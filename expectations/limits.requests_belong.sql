-- severity: critical
-- note: Limits are stated by responses to requests of the night.
SELECT limits.request_id, subject, period
FROM limits
LEFT JOIN requests USING (request_id)
WHERE requests.request_id IS NULL

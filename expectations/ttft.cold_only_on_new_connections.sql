-- severity: critical
-- note: On a reused connection nothing was connected; a cold figure for it would mix the two.
SELECT request_id, ttft_cold_ms, requests.is_connection_reused
FROM ttft
JOIN requests USING (request_id)
WHERE requests.is_connection_reused
  AND ttft_cold_ms IS NOT NULL

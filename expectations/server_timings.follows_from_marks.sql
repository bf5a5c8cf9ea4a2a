-- severity: critical
-- note: Our side of the comparison is that of the other tables, and a request that failed has none.
SELECT request_id, ttft_ms, e2e_ms, end_ms, has_metrics, first_token_ns, last_token_ns, end_ns
FROM server_timings
LEFT JOIN requests USING (request_id)
WHERE has_metrics IS NULL
   OR (ttft_ms IS NULL) = has_metrics
   OR abs(ttft_ms - first_token_ns / 1e6) > 1e-6
   OR abs(e2e_ms - last_token_ns / 1e6) > 1e-6
   OR abs(end_ms - end_ns / 1e6) > 1e-6

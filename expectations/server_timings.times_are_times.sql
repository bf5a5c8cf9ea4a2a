-- severity: critical
-- note: A duration below zero or that is no number would spread into every comparison.
SELECT request_id, server_queue_ms, server_load_ms, server_prefill_ms, server_ttft_ms, server_decode_ms, server_total_ms
FROM server_timings
WHERE server_queue_ms < 0
   OR NOT isfinite(server_queue_ms)
   OR server_load_ms < 0
   OR NOT isfinite(server_load_ms)
   OR server_prefill_ms < 0
   OR NOT isfinite(server_prefill_ms)
   OR server_ttft_ms < 0
   OR NOT isfinite(server_ttft_ms)
   OR server_decode_ms < 0
   OR NOT isfinite(server_decode_ms)
   OR server_total_ms < 0
   OR NOT isfinite(server_total_ms)

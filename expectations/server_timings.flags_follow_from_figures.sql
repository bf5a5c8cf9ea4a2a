-- severity: critical
-- note: Each flag is computed here once more from the figures beside it; unknown where one of the two is.
SELECT request_id, is_decode_above_server, is_ttft_below_server, is_end_below_server, is_queue_in_ttft
FROM server_timings
WHERE is_decode_above_server IS DISTINCT FROM (output_speed_tok_s > 1.05 * server_decode_tok_s)
   OR is_ttft_below_server IS DISTINCT FROM (ttft_ms + 1 < server_first_token_ms)
   OR is_end_below_server IS DISTINCT FROM (end_ms + 1 < server_total_ms)
   OR is_queue_in_ttft IS DISTINCT FROM (server_queue_ms > 0.1 * ttft_ms)

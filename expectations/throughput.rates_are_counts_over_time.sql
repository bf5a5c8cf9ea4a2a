-- severity: critical
-- note: Output throughput is tokens in the window over the window, and there is none without a window.
SELECT run_id, tokens_in_window, window_s, output_throughput_tok_s, request_throughput_req_s
FROM throughput
WHERE abs(output_throughput_tok_s * window_s - tokens_in_window) > 1e-6 * greatest(1, tokens_in_window)
   OR (window_s IS NULL AND coalesce(output_throughput_tok_s, request_throughput_req_s) IS NOT NULL)

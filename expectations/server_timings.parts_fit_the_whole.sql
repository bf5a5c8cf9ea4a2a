-- severity: warning
-- note: Prompt and answer are parts of the whole request (2 % and 1 ms of rounding left); an account that does
--   not add up is none to hold ours against.
SELECT request_id, server_prefill_ms, server_decode_ms, server_total_ms
FROM server_timings
WHERE server_prefill_ms + server_decode_ms > 1.02 * server_total_ms + 1

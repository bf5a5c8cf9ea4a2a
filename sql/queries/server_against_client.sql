-- Where does the time go? The servers' own account beside ours, per target: medians of what each tells.
SELECT
    night,
    target,
    count(*) AS requests,
    round(median(ttft_ms), 1) AS ttft_ms,
    round(median(server_first_token_ms), 1) AS server_first_token_ms,
    round(median(server_queue_ms), 1) AS server_queue_ms,
    round(median(beyond_server_ms), 1) AS beyond_server_ms,
    round(median(output_speed_tok_s), 1) AS output_speed_tok_s,
    round(median(server_decode_tok_s), 1) AS server_decode_tok_s,
    count_if(is_decode_above_server) AS decode_above_server,
    count_if(is_ttft_below_server) AS ttft_below_server,
    count_if(is_queue_in_ttft) AS queue_in_ttft
FROM server_timings
WHERE NOT is_warmup
GROUP BY night, target
ORDER BY night, target

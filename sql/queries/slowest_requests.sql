-- Which requests were slowest, or failed? The failed ones first, then by end-to-end time.
SELECT night, request_id, status, http_status, round(first_token_ns / 1e6, 1) AS ttft_ms,
       round(coalesce(last_token_ns, end_ns) / 1e6, 1) AS e2e_ms, tokens, coalesce(error_message, error) AS why
FROM requests
WHERE NOT is_warmup
ORDER BY has_metrics, coalesce(last_token_ns, end_ns) DESC NULLS FIRST, request_id
LIMIT 20

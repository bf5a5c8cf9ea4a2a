-- One row a request with metrics: every latency and speed of it side by side.
SELECT
    t.* EXCLUDE (is_connection_reused),
    o.tokens, o.token_source, o.e2e_ms, o.tpot_ms, o.output_speed_tok_s,
    r.status, r.concurrency, r.provider, r.hardware, r.prompt_tokens, r.is_connection_reused
FROM ttft AS t
JOIN output_speed AS o USING (request_id)
JOIN requests AS r USING (request_id)

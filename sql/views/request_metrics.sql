-- One row a request with metrics: every latency and speed of it side by side.
SELECT
    t.* EXCLUDE (is_connection_reused),
    COLUMNS(o.* EXCLUDE (request_id, run_id, night, target, model, family, workload, scenario, round, provenance)),
    r.status, r.concurrency, r.provider, r.hardware, r.prompt_tokens, r.is_connection_reused
FROM ttft AS t
JOIN output_speed AS o USING (request_id)
JOIN requests AS r USING (request_id)

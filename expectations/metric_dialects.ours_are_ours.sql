-- severity: critical
-- note: Our own definitions, held in the shape of the others, give what the marks give.
SELECT request_id, metric, value, first_token_ns, last_token_ns
FROM metric_dialects
JOIN requests USING (request_id)
WHERE metric_dialects.dialect = 'tokenclock'
  AND ((metric = 'ttft_ms' AND abs(value - first_token_ns / 1e6) > 1e-6)
    OR (metric = 'e2e_ms' AND abs(value - last_token_ns / 1e6) > 1e-6)
    OR (metric = 'tokens' AND value <> tokens))

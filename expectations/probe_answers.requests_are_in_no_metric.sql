-- severity: critical
-- note: A probe's requests are recorded as warm-up, which no metric holds; an answer is of a request that ended well.
SELECT p.request_id, r.is_warmup, r.has_metrics
FROM probe_answers AS p LEFT JOIN requests AS r USING (request_id)
WHERE NOT coalesce(r.is_warmup AND r.has_metrics, false)

-- severity: critical
-- note: Requests with metrics over requests sent, each counted here once more; null where none was sent.
SELECT
    run_id, success_rate, requests_sent, coalesce(counted.sent, 0) AS sent,
    requests_with_metrics, coalesce(counted.with_metrics, 0) AS with_metrics
FROM throughput
LEFT JOIN (
    SELECT run_id, count(*) AS sent, count(*) FILTER (has_metrics) AS with_metrics
    FROM requests
    WHERE NOT is_warmup
    GROUP BY run_id
) AS counted USING (run_id)
WHERE requests_sent <> coalesce(counted.sent, 0)
   OR requests_with_metrics <> coalesce(counted.with_metrics, 0)
   OR (success_rate IS NULL) <> (requests_sent = 0)
   OR abs(success_rate * requests_sent - requests_with_metrics) > 1e-6

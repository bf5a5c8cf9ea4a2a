-- severity: critical
-- note: In our own words a TTFT belongs to every request that succeeded, and to no other.
SELECT target, scenario, requests_counted, requests_with_metrics
FROM dialect_summary
JOIN (
    SELECT target, workload, scenario, count(*) AS requests_with_metrics
    FROM requests WHERE has_metrics AND NOT is_warmup
    GROUP BY target, workload, scenario
) USING (target, workload, scenario)
WHERE dialect = 'tokenclock' AND metric = 'ttft_ms' AND requests_counted <> requests_with_metrics

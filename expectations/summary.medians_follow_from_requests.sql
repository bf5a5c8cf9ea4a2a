-- severity: critical
-- note: The two medians that charts lead with, and their n, computed here once more from the requests' figures.
SELECT target, scenario, metric, summary.n, again.n AS n_again, summary.p50, again.p50 AS p50_again
FROM summary
JOIN (
    SELECT
        night, target, model, workload, scenario, 'ttft_ms' AS metric,
        count(ttft_ms) AS n, quantile_cont(ttft_ms, 0.5) AS p50
    FROM ttft
    GROUP BY ALL
    UNION ALL
    SELECT
        night, target, model, workload, scenario, 'output_speed_tok_s' AS metric,
        count(output_speed_tok_s) AS n, quantile_cont(output_speed_tok_s, 0.5) AS p50
    FROM output_speed
    GROUP BY ALL
) AS again USING (night, target, model, workload, scenario, metric)
WHERE summary.n <> again.n
   OR abs(summary.p50 - again.p50) > 1e-9 * abs(summary.p50)

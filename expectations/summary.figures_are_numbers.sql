-- severity: critical
-- note: Undefined is null or no row at all; never NaN, never infinite, and a row has a mean and a median.
SELECT target, scenario, metric, n, mean, p10, p50, p95, p99
FROM summary
WHERE mean IS NULL
   OR p50 IS NULL
   OR NOT isfinite(mean)
   OR NOT isfinite(p10)
   OR NOT isfinite(p50)
   OR NOT isfinite(p95)
   OR NOT isfinite(p99)

-- severity: critical
-- note: Percentiles of one sample can only rise, by whichever tool's rule. (Interpolation may be off by rounding.)
SELECT target, scenario, dialect, metric, n, p50, p90, p95, p99
FROM dialect_summary
WHERE p90 < p50 - abs(p50) * 1e-9
   OR p95 < p90 - abs(p90) * 1e-9
   OR p99 < p95 - abs(p95) * 1e-9

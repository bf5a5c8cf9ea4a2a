-- severity: critical
-- note: Percentiles of one sample can only rise. (Interpolation may be off by rounding.)
SELECT target, scenario, metric, n, p10, p25, p50, p75, p90, p95, p99
FROM summary
WHERE p25 < p10 - abs(p10) * 1e-9
   OR p50 < p25 - abs(p25) * 1e-9
   OR p75 < p50 - abs(p50) * 1e-9
   OR p90 < p75 - abs(p75) * 1e-9
   OR p95 < p90 - abs(p90) * 1e-9
   OR p99 < p95 - abs(p95) * 1e-9

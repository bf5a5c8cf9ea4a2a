-- severity: critical
-- note: The last token comes no earlier than the first in every request, so in every percentile.
SELECT late.target, late.scenario, late.p50 AS e2e_p50_ms, early.p50 AS ttft_p50_ms
FROM summary AS late
JOIN summary AS early USING (night, target, model, workload, scenario)
WHERE late.metric = 'e2e_ms'
  AND early.metric = 'ttft_ms'
  AND (late.p50 < early.p50 - 1e-6 OR late.p95 < early.p95 - 1e-6)

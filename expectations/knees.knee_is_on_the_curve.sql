-- severity: critical
-- note: The knee is a level that was measured, and not above the level of the highest throughput by more than the
--   gain that is called none.
SELECT target, workload, sweep, knees.knee_level, knees.knee_throughput_tok_s, max_throughput_tok_s
FROM knees
LEFT JOIN sweeps USING (night, target, model, family, workload, sweep, provenance, load)
GROUP BY ALL
HAVING knees.knee_level IS NOT NULL
   AND (NOT coalesce(bool_or(sweeps.level = knees.knee_level), false)
        OR knees.knee_throughput_tok_s > max_throughput_tok_s)

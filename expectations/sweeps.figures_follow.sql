-- severity: critical
-- note: The gain is that over the level before, and each GPU has its share, both computed here once more.
SELECT target, workload, sweep, level, throughput_gain, throughput_per_gpu_tok_s
FROM (
    SELECT *, lag(output_throughput_tok_s) OVER (
        PARTITION BY night, target, model, workload, sweep, provenance, load ORDER BY level
    ) AS before
    FROM sweeps
)
WHERE abs(output_throughput_tok_s / nullif(before, 0) - 1 - throughput_gain) > 1e-9
   OR (throughput_gain IS NOT NULL AND before IS NULL)
   OR abs(throughput_per_gpu_tok_s * gpus - output_throughput_tok_s) > 1e-6

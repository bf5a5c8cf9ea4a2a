-- How much load is worth it? Each sweep's knee, highest throughput, and the most load within the SLO.
SELECT night, target, workload, sweep, levels, knee_level, knee_reason, round(knee_throughput_tok_s, 1) AS knee_tok_s,
       round(knee_output_speed_tok_s, 1) AS knee_speed_tok_s, round(knee_ttft_p95_ms, 1) AS knee_ttft_p95_ms,
       round(max_throughput_tok_s, 1) AS most_tok_s, round(max_throughput_per_gpu_tok_s, 1) AS most_per_gpu_tok_s,
       slo_level, slo_reason
FROM knees
ORDER BY night DESC, target, workload, sweep

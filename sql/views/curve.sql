-- One row a level of a sweep with the names for a chart: throughput of the system against speed of each user, by GPU where their number is known. The knee is marked.
SELECT
    s.night, s.family, s.target, t.title, t.model_title, t.hardware, t.precision, t.engine, t.engine_version,
    s.provenance, s.workload, s.sweep, s.load, s.level, s.output_throughput_tok_s, s.throughput_gain,
    s.output_speed_p50_tok_s, s.ttft_p50_ms, s.ttft_p95_ms, s.slo_share, s.joules_per_token, s.gpus,
    s.throughput_per_gpu_tok_s, s.level IS NOT DISTINCT FROM k.knee_level AS is_knee
FROM sweeps AS s
JOIN targets AS t USING (night, target)
LEFT JOIN knees AS k USING (night, target, model, family, workload, sweep, provenance, load)

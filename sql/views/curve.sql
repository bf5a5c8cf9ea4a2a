-- One row a level of a sweep, ours and the releases', with names for a chart: throughput of the system against speed of each user, by GPU where their number is known. The knee is marked.
-- is_knee: True at the level of the sweep's knee: the next one brings hardly more throughput
WITH every AS (
    SELECT NULL::VARCHAR AS release, * FROM sweeps
    UNION ALL BY NAME SELECT * FROM released_sweeps
), bent AS (
    SELECT NULL::VARCHAR AS release, night, target, model, workload, sweep, provenance, load, knee_level FROM knees
    UNION ALL BY NAME SELECT release, night, target, model, workload, sweep, provenance, load, knee_level FROM released_knees
), about AS (
    SELECT NULL::VARCHAR AS release, * FROM targets
    UNION ALL BY NAME SELECT * FROM released_targets
)
SELECT
    s.release, s.night, s.family, s.target, t.title, t.model_title, t.hardware, t.host, t.precision, t.engine,
    t.engine_version, t.may_publish, s.provenance, s.workload, s.sweep, s.load, s.level, s.output_throughput_tok_s,
    s.throughput_gain, s.output_speed_p50_tok_s, s.ttft_p50_ms, s.ttft_p95_ms, s.slo_share, s.joules_per_token,
    s.gpus, s.throughput_per_gpu_tok_s, s.level IS NOT DISTINCT FROM k.knee_level AS is_knee
FROM every AS s
JOIN about AS t
    ON (t.night, t.target) = (s.night, s.target) AND t.release IS NOT DISTINCT FROM s.release
LEFT JOIN bent AS k
    ON (k.night, k.target, k.model, k.workload, k.sweep, k.provenance, k.load)
        = (s.night, s.target, s.model, s.workload, s.sweep, s.provenance, s.load)
    AND k.release IS NOT DISTINCT FROM s.release

-- One row a figure and run behind it: manifest and hash, code, plan, calibration. From a number on a chart (`figure` in its data) to what it was measured with; `tokenclock explain` shows the same.
-- figure: The figure's key, as in `figures`
-- value: Median of the metric in its unit; of spend the sum
-- manifest: Where the run's manifest lies under data/traces
-- manifest_sha256: Hash of that manifest
SELECT f.figure, f.metric, f.dialect, f.n, f.value, f.unit, f.instrument_error_ms, f.error_share,
       r.run_id, r.night, r.target, r.round, r.outcome, r.started_at, r.requests_recorded,
       m.path AS manifest, m.sha256 AS manifest_sha256, r.code_version, r.code_commit, r.plan_sha256
FROM figures AS f
JOIN runs AS r ON r.night = f.night AND r.provenance = f.provenance
    AND CASE WHEN f.target IS NULL THEN f.figure = concat_ws('/', r.night, r.provider, 'usd')
             ELSE (r.target, r.model, r.workload, r.scenario) = (f.target, f.model, f.workload, f.scenario) END
LEFT JOIN trace_files AS m ON m.run_id = r.run_id AND m.file = 'manifest.json'

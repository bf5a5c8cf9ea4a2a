-- severity: warning
-- note: The recorder's error is of the load at which it was found. Calibrations of a round follow the runs before them,
--   so those of a target's first night may lie elsewhere; slower than 6 reads a second is as 12.5.
SELECT target, workload, scenario, metric, stream_reads_s, calibrated_tok_s
FROM instrument
WHERE greatest(stream_reads_s, 6.25) NOT BETWEEN calibrated_tok_s / 2 AND calibrated_tok_s * 2

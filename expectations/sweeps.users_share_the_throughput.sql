-- severity: warning
-- note: So many streams of that speed cannot deliver more together (a tenth for requests that were faster than the
--   median): otherwise window and tokens do not belong together.
SELECT target, workload, scenario, level, output_throughput_tok_s, output_speed_p50_tok_s
FROM sweeps
WHERE load = 'closed'
  AND output_throughput_tok_s > 1.1 * level * output_speed_p50_tok_s

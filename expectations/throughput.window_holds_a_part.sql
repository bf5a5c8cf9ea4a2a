-- severity: critical
-- note: The window leaves ramp-up and drain out, so it cannot hold more tokens than the run's requests delivered.
SELECT run_id, tokens_in_window, sum(tokens) AS tokens
FROM throughput
JOIN requests USING (run_id)
WHERE has_metrics
  AND NOT is_warmup
GROUP BY run_id, tokens_in_window
HAVING tokens_in_window > sum(tokens) + 1e-6

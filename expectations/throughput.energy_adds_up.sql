-- severity: critical
-- note: A run's energy is that of the devices that count, each counted here once more; of one that is not known
--   there is none, and joules per token are that energy over the tokens of the window.
SELECT run_id, energy_j, energy_reason, joules_per_token, of_devices_j
FROM throughput
LEFT JOIN (
    SELECT run_id, CASE WHEN count(*) = count(energy_j) THEN sum(energy_j) END AS of_devices_j
    FROM hardware WHERE is_counted GROUP BY run_id
) AS counted USING (run_id)
WHERE (energy_j IS NULL) <> (of_devices_j IS NULL)
   OR (energy_j IS NULL) <> (energy_reason IS NOT NULL)
   OR abs(energy_j - of_devices_j) > 1e-6 * of_devices_j
   OR abs(joules_per_token * tokens_in_window - energy_j) > 1e-6 * energy_j

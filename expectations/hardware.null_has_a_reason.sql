-- severity: critical
-- note: Energy is a figure with its source, or null with its reason.
SELECT run_id, device, energy_j, energy_source, reason
FROM hardware
WHERE (energy_j IS NULL) <> (reason IS NOT NULL)
   OR (energy_j IS NULL) <> (energy_source IS NULL)
   OR (energy_j IS NOT NULL AND device IS NULL)

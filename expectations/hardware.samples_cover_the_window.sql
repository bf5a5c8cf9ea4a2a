-- severity: warning
-- note: The whole window lies between readings, which came at nine tenths of the planned rate at least. Otherwise
--   peaks and throttling may have passed unseen.
SELECT run_id, device, covered_share, rate_hz, rate_planned_hz, samples_in_window, window_s
FROM hardware
WHERE covered_share < 0.999
   OR rate_hz < 0.9 * rate_planned_hz

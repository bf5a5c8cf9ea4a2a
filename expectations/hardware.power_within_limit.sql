-- severity: warning
-- note: On average no GPU draws more than its limit (2 % for the sensor): above it the reading is wrong, or somebody
--   moved the limit during the run.
SELECT run_id, device, power_mean_w, power_limit_w
FROM hardware
WHERE power_mean_w > 1.02 * power_limit_w

-- severity: warning
-- note: Energy by the counter is mean power times time, within a tenth, where the window is long enough (10 s) for
--   the edges not to matter. Two sensors that disagree are none.
SELECT run_id, device, energy_j, power_mean_w, window_s, energy_j / window_s AS counted_w
FROM hardware
WHERE window_s >= 10
  AND energy_source = 'counter'
  AND abs(energy_j / window_s / power_mean_w - 1) > 0.1

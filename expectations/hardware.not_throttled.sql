-- severity: warning
-- note: Clocks that were held down for more than a twentieth of the window (power cap, heat, brake) are a part of
--   what was measured: another machine room, another figure.
SELECT run_id, device, throttled_share, throttle_reasons, sm_clock_mhz, sm_clock_max_mhz
FROM hardware
WHERE throttled_share > 0.05

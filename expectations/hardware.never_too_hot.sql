-- severity: warning
-- note: Heat or a failing power supply held the clocks down, if only once. A power cap is by design, this is not.
SELECT run_id, device, throttle_reasons, temperature_max_c
FROM hardware
WHERE regexp_matches(throttle_reasons, 'thermal|power_brake|hardware_slowdown')

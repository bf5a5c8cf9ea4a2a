-- severity: info
-- note: Less than a tenth of a window is left: the next requests may be refused or held back, and a figure
--   taken there is one of the limit, not of the hardware.
SELECT request_id, target, subject, period, allowed, remaining, reset_ms
FROM limits
WHERE remaining < 0.1 * allowed

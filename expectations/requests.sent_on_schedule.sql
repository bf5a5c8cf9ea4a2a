-- severity: warning
-- note: A request may start late, which is reported as schedule lag, but not before the load wanted it
--   (1 ms for the timer's slack).
SELECT request_id, scheduled_ns, sent_ns
FROM requests
WHERE sent_ns < scheduled_ns - 1000000

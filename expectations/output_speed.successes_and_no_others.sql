-- severity: critical
-- note: Exactly the requests that succeeded and are no warm-up: nothing dropped that was slow, nothing let in
--   that failed.
SELECT coalesce(wanted.request_id, found.request_id) AS request_id, wanted.request_id IS NULL AS is_too_many
FROM (SELECT request_id FROM requests WHERE has_metrics AND NOT is_warmup) AS wanted
FULL JOIN output_speed AS found ON wanted.request_id = found.request_id
WHERE wanted.request_id IS NULL
   OR found.request_id IS NULL

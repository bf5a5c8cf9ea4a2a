-- severity: info
-- note: The echoed name is not, to the letter, the one that was asked for: an alias, whose owner may move it to
--   another model any day. Ask for the name that is echoed, and a move shows as a failure.
SELECT target, model_id, model_echoed, count(*) AS requests
FROM requests
WHERE has_metrics
  AND lower(model_echoed) <> lower(model_id)
GROUP BY target, model_id, model_echoed

-- severity: info
-- note: A response that names no model leaves unsaid which one it is from; nothing here can tell.
SELECT target, model_id, count(*) AS requests
FROM requests
WHERE has_metrics
  AND model_echoed IS NULL
GROUP BY target, model_id

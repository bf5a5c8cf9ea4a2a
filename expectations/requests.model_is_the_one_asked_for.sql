-- severity: info
-- note: Providers echo the model they ran. Another name may be an alias, or another model.
SELECT target, model_id, model_echoed, count(*) AS requests
FROM requests
WHERE has_metrics
  AND lower(model_echoed) <> lower(model_id)
GROUP BY target, model_id, model_echoed

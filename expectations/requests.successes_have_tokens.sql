-- severity: warning
-- note: A request that succeeded and whose tokens nobody counted has no speed: the provider reports no usage, and
--   the plan names no tokenizer for its model. It stays in the success rate and drops out of every speed.
SELECT target, model, count(*) AS requests
FROM requests
WHERE has_metrics
  AND NOT is_warmup
  AND tokens IS NULL
GROUP BY target, model

-- What was not measured in the last night, and why? One row a target that was skipped or failed, with the reason.
SELECT target, title, model_id, status, reason
FROM targets
WHERE night = (SELECT max(night) FROM targets) AND status <> 'recorded'
ORDER BY status, target

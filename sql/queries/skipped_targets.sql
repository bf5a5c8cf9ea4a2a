-- What was not measured in the last night, and why?
SELECT target, title, model_id, status, reason
FROM targets
WHERE night = (SELECT max(night) FROM targets) AND status <> 'recorded'
ORDER BY status, target

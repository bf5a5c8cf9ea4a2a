-- severity: warning
-- note: A target that the plan enables gets a finished run each night. Without one, whoever asks for its latest
--   figure is given an older one.
SELECT target, status, reason
FROM targets
WHERE status = 'failed'
   OR reason = 'no run was recorded'

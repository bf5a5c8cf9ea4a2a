-- severity: warning
-- note: All targets of a night are asked the same. Where the plan was changed during the night, those asked before and
--   after are not compared with each other, and fewer pairs are left to tell who stands apart.
SELECT probe, count(DISTINCT prompts_sha256) AS versions, count(DISTINCT target) AS targets
FROM probe_answers
GROUP BY night, probe
HAVING count(DISTINCT prompts_sha256) > 1

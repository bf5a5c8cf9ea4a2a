-- severity: warning
-- note: As for the night, with the max_usd of the target itself.
SELECT night, target, sum(usd) AS usd, any_value(target_max_usd) AS target_max_usd
FROM spend
GROUP BY night, target
HAVING sum(usd) > any_value(target_max_usd)

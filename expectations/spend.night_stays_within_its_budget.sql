-- severity: warning
-- note: No request is sent that could pass max_usd, so a night that cost more was billed for more than the longest
--   answer it asked for, or at another price. The figures stand; look at the bill before the next night.
SELECT night, sum(usd) AS usd, any_value(night_max_usd) AS night_max_usd
FROM spend
GROUP BY night
HAVING sum(usd) > any_value(night_max_usd)

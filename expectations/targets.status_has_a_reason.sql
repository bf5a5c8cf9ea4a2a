-- severity: critical
-- note: What was not recorded says why, and what was recorded says on which machine: no null without a status that
--   explains it.
SELECT target, status, reason, host, price_source, usd_per_million_input, usd_per_million_output
FROM targets
WHERE (status = 'recorded') <> (reason IS NULL)
   OR (status = 'recorded' AND host IS NULL)
   OR (price_source IS NULL) <> (usd_per_million_input IS NULL)
   OR (usd_per_million_input IS NULL) <> (usd_per_million_output IS NULL)

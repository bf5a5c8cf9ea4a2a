-- severity: critical
-- note: A rent without a source cannot be looked up, nor a cost that rests on it.
SELECT target, usd_per_hour, rent_source
FROM targets
WHERE (rent_source IS NULL) <> (usd_per_hour IS NULL)

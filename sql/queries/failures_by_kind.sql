-- How did requests end, target by target? Failures count: they lower the success rate.
SELECT night, target, scenario, status, count(*) AS requests, any_value(coalesce(error_message, error)) AS example
FROM requests
WHERE NOT is_warmup
GROUP BY ALL
ORDER BY night DESC, target, scenario, requests DESC, status

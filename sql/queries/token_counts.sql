-- Do our token counts agree with the provider's? One more reported than recounted is the end-of-turn token.
SELECT target, scenario, tokens_reported - tokens_recounted AS difference, count(*) AS requests
FROM requests
WHERE has_metrics AND tokens_recounted IS NOT NULL AND tokens_reported IS NOT NULL
GROUP BY ALL
ORDER BY target, scenario, difference

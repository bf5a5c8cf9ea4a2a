-- What did the nights cost? One row a night and priced target, newest first, with the sum over the targets of
-- the night and the requests whose cost nobody told.
SELECT night, target, requests_sent, prompt_tokens, completion_tokens, round(usd, 6) AS usd,
       round(sum(usd) OVER (PARTITION BY night), 6) AS usd_of_the_night, requests_without_usage
FROM spend
ORDER BY night DESC, target

-- How near are we to a provider's rate limits? One row a limit that responses of the last night state: the
-- least that was left of it, and how long until it starts anew.
SELECT target, provider, subject, period, count(*) AS responses, max(allowed) AS allowed, min(remaining)
       AS least_left,
       round(min(remaining) / max(allowed), 3) AS share_left, round(max(reset_ms) / 1000, 1) AS longest_reset_s
FROM limits
WHERE night = (SELECT max(night) FROM summary)
GROUP BY target, provider, subject, period
ORDER BY share_left NULLS LAST, target, subject

-- What became of refused requests? One row a request that was sent anew in the last night: the refusal, how
-- long the retry waited, and how it ended. Both count in the success rate.
SELECT again.target, again.scenario, again.request_id, again.attempt, refused.status AS first_status,
       refused.http_status,
       round((again.sent_ns - refused.sent_ns) / 1e6, 1) AS sent_again_after_ms, again.status
FROM requests AS again
JOIN requests AS refused ON refused.request_id = again.retry_of
WHERE again.night = (SELECT max(night) FROM summary)
ORDER BY again.request_id

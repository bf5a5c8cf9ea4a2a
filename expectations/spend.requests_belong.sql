-- severity: critical
-- note: What was paid for was sent in this night; counted here once more.
SELECT spend.target, spend.requests_sent, coalesce(counted.sent, 0) AS sent
FROM (SELECT target, sum(requests_sent) AS requests_sent FROM spend GROUP BY target) AS spend
LEFT JOIN (
    SELECT target, count(*) FILTER (sent_ns IS NOT NULL) AS sent
    FROM requests
    GROUP BY target
) AS counted USING (target)
WHERE spend.requests_sent <> coalesce(counted.sent, 0)

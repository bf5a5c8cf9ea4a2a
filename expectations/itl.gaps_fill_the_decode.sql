-- severity: critical
-- note: The gaps of a request add up to the time from its first to its last token, and are one fewer than arrivals.
SELECT request_id, sum(gap_ns) AS gaps_ns, any_value(last_token_ns - first_token_ns) AS decode_ns, count(*) AS gaps
FROM itl
JOIN requests USING (request_id)
GROUP BY request_id
HAVING sum(gap_ns) <> any_value(last_token_ns - first_token_ns) OR count(*) <> any_value(arrival_count) - 1

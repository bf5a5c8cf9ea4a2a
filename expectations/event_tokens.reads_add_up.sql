-- severity: critical
-- note: The tokens of a read are those of its events.
SELECT request_id, read_index, sum(tokens) AS of_events, any_value(tokens_of_read) AS of_read
FROM event_tokens
GROUP BY request_id, read_index
HAVING count(DISTINCT tokens_of_read) > 1 OR sum(tokens) <> any_value(tokens_of_read)

-- severity: critical
-- note: The tokens of all events of a request are those of its whole text.
SELECT request_id, sum(event_tokens.tokens) AS of_events, any_value(tokens_recounted) AS of_text
FROM event_tokens
JOIN requests USING (request_id)
GROUP BY request_id
HAVING sum(event_tokens.tokens) IS DISTINCT FROM any_value(tokens_recounted)

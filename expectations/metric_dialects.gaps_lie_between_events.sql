-- severity: critical
-- note: A tool that pools gaps has at most one for each event or token after the first.
SELECT request_id, metric_dialects.dialect, gap_count, event_count, tokens_recounted
FROM metric_dialects
JOIN requests USING (request_id)
WHERE gap_count NOT BETWEEN 1 AND greatest(event_count, coalesce(tokens_recounted, 0))

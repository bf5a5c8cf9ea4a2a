-- severity: critical
-- note: [DONE] is a marker of the wire, not of the model; counted as a token it would move the last one.
SELECT request_id, event_index, at_ns, has_token, finish_reason
FROM events
WHERE is_done
  AND (has_token OR finish_reason IS NOT NULL)

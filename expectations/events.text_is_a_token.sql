-- severity: critical
-- note: Whatever text an event carries for the reader makes it token-bearing; TTFT is read off that flag.
SELECT request_id, event_index, at_ns, has_token, is_done
FROM events
WHERE NOT has_token
  AND concat(content, reasoning, tool_calls) <> ''

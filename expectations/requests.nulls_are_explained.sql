-- severity: critical
-- note: A mark is null only where there is nothing to mark: nothing sent, no read, no event, no token. A null
--   without such a reason is a loss that looks like an absence.
SELECT
    request_id, status, sent_ns, end_ns, first_byte_ns, read_count, first_event_ns, event_count, first_token_ns,
    last_token_ns, token_event_count, first_content_ns
FROM requests
WHERE provenance IN ('measured', 'simulated')
  AND (
      (sent_ns IS NULL AND status NOT IN ('connection_error', 'timeout', 'cancelled'))
      OR (sent_ns IS NULL AND coalesce(first_byte_ns, first_event_ns, http_status) IS NOT NULL)
      OR (sent_ns IS NOT NULL AND end_ns IS NULL)
      OR (first_byte_ns IS NULL) <> (read_count = 0)
      OR (first_event_ns IS NULL) <> (event_count = 0)
      OR (first_token_ns IS NULL) <> (token_event_count = 0)
      OR (last_token_ns IS NULL) <> (token_event_count = 0)
      OR (first_content_ns IS NOT NULL AND first_token_ns IS NULL)
  )

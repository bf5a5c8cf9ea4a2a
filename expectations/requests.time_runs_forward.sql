-- severity: critical
-- note: sent, first byte, first event, first token, first content, last token, end: in this order, on one
--   monotonic clock. Anything else is a broken clock or a mark of another request.
SELECT
    request_id, status, first_byte_ns, first_event_ns, first_token_ns, first_content_ns, last_token_ns, end_ns
FROM requests
WHERE first_byte_ns < 0
   OR first_event_ns < first_byte_ns
   OR first_token_ns < first_event_ns
   OR first_content_ns < first_token_ns
   OR last_token_ns < first_content_ns
   OR last_token_ns < first_token_ns
   OR end_ns < last_token_ns
   OR end_ns < first_event_ns
   OR end_ns < first_byte_ns
   OR end_ns < 0

-- severity: critical
-- note: complete and length need tokens, a finish reason and no error; truncated has no finish reason, empty no
--   token, and an in-band error says what it was. Failures that pass for successes are what we are here to end.
SELECT request_id, status, finish_reason, token_event_count, error_code, error_message
FROM requests
WHERE (
        status IN ('complete', 'length')
        AND (
            token_event_count = 0
            OR finish_reason IS NULL
            OR error_code IS NOT NULL
            OR error_message IS NOT NULL
        )
    )
   OR (status = 'complete' AND lower(finish_reason) IN ('length', 'max_tokens', 'max_output_tokens', 'content_filter'))
   OR (status = 'length' AND lower(finish_reason) IN ('stop', 'eos_token', 'end_turn', 'completed', 'content_filter'))
   OR (status = 'truncated' AND finish_reason IS NOT NULL)
   OR (status = 'empty' AND token_event_count > 0)
   OR (
       status = 'in_band_error'
       AND coalesce(error_code, error_message) IS NULL
       AND coalesce(lower(finish_reason) IN ('stop', 'eos_token', 'end_turn', 'completed', 'length'), true)
   )

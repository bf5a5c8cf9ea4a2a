-- severity: critical
-- note: A request that we timed ourselves and that succeeded has all marks that its metrics are made of.
SELECT request_id, status, sent_ns, first_byte_ns, first_event_ns, first_token_ns, last_token_ns, end_ns
FROM requests
WHERE has_metrics
  AND provenance IN ('measured', 'simulated')
  AND (
      sent_ns IS NULL
      OR first_byte_ns IS NULL
      OR first_event_ns IS NULL
      OR first_token_ns IS NULL
      OR last_token_ns IS NULL
      OR end_ns IS NULL
  )

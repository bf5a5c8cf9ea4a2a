-- severity: critical
-- note: First and last token are stamps of token-bearing events, looked up here once more. Every latency we
--   publish hangs on these two.
SELECT request_id, first_token_ns, found.first_ns, last_token_ns, found.last_ns
FROM requests
LEFT JOIN (
    SELECT request_id, min(at_ns) AS first_ns, max(at_ns) AS last_ns
    FROM events
    WHERE has_token
    GROUP BY request_id
) AS found USING (request_id)
WHERE provenance IN ('measured', 'simulated')
  AND (first_token_ns IS DISTINCT FROM found.first_ns OR last_token_ns IS DISTINCT FROM found.last_ns)

-- severity: critical
-- note: The stored reads are as many, and together as long, as the recorder counted while they came in. Bytes that
--   are missing here were lost between the socket and the disk, and with them whatever they said.
SELECT request_id, body_bytes, bytes_stored, read_count, reads_stored
FROM requests
WHERE provenance IN ('measured', 'simulated')
  AND (bytes_stored IS DISTINCT FROM body_bytes OR reads_stored IS DISTINCT FROM read_count)

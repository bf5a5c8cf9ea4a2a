-- severity: critical
-- note: A gap is published where arrivals bring 1.2 tokens at most, and says why where it is not.
SELECT request_id, gap_index, itl_ms, tokens_per_arrival, reason
FROM itl
WHERE (itl_ms IS NULL) <> (tokens_per_arrival IS NULL OR tokens_per_arrival > 1.2)
   OR (itl_ms IS NULL) <> (reason IS NOT NULL)
   OR abs(itl_ms - gap_ns / 1e6) > 1e-6

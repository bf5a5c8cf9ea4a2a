-- severity: critical
-- note: Three counts, never merged: the one that metrics use is the recounted or the reported one, and says which.
SELECT request_id, token_source, tokens, tokens_recounted, tokens_reported
FROM requests
WHERE tokens IS DISTINCT FROM CASE token_source
    WHEN 'recounted' THEN tokens_recounted
    WHEN 'reported' THEN tokens_reported
END
   OR (token_source IS NOT NULL AND tokens IS NULL)

-- severity: warning
-- note: Where we know the tokenizer, our count and the provider's differ by at most one: usage counts the
--   end-of-turn token. More means another tokenizer, hidden tokens, or text that re-encodes shorter.
SELECT request_id, target, tokens_recounted, tokens_reported
FROM requests
WHERE has_metrics
  AND abs(tokens_recounted - tokens_reported) > 1

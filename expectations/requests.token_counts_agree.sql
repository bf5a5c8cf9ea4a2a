-- severity: warning
-- note: Where we know the tokenizer, our count and the provider's agree: they are equal, or usage counts the
--   end-of-turn token and is one higher. Anything else is another tokenizer, hidden tokens, or text that
--   re-encodes shorter.
SELECT request_id, target, tokens_recounted, tokens_reported
FROM requests
WHERE has_metrics
  AND tokens_reported - tokens_recounted NOT IN (0, 1)

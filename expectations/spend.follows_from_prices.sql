-- severity: critical
-- note: USD are tokens times price, computed here once more; without a price they are unknown, not nothing.
SELECT target, prompt_tokens, completion_tokens, usd_per_million_input, usd_per_million_output, usd
FROM spend
WHERE abs(usd * 1e6 - prompt_tokens * usd_per_million_input - completion_tokens * usd_per_million_output)
      > 1e-6 * greatest(1, usd * 1e6)
   OR (usd IS NULL) <> (usd_per_million_input IS NULL OR usd_per_million_output IS NULL)

-- severity: critical
-- note: Cost is tokens times price, computed here once more; a million output tokens cost what they and their input do.
SELECT request_id, prompt_tokens, tokens_reported, usd_per_request, usd_per_million_tokens
FROM cost
WHERE abs(
        usd_per_request * 1e6 - prompt_tokens * usd_per_million_input - tokens_reported * usd_per_million_output
    ) > 1e-9 * greatest(1, usd_per_request * 1e6)
   OR abs(usd_per_million_tokens * tokens_reported - usd_per_request * 1e6) > 1e-9 * greatest(1, usd_per_request * 1e6)

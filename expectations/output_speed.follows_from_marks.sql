-- severity: critical
-- note: Time per token is the time from the first to the last token over the tokens after the first arrival, and
--   null exactly where no token came later; computed here once more.
SELECT
    request_id, e2e_ms, tpot_ms, first_token_ns, last_token_ns, requests.tokens, tokens_first_arrival, arrival_count
FROM output_speed
JOIN requests USING (request_id)
WHERE abs(e2e_ms - last_token_ns / 1e6) > 1e-6
   OR output_speed.tokens IS DISTINCT FROM requests.tokens
   OR (tpot_ms IS NULL) <> NOT coalesce(requests.tokens > tokens_first_arrival AND arrival_count > 1, false)
   OR abs(tpot_ms * (requests.tokens - tokens_first_arrival) - (last_token_ns - first_token_ns) / 1e6) > 1e-6

-- severity: critical
-- note: Two names of one quantity: 1000 / tpot_ms, and null together.
SELECT request_id, tpot_ms, output_speed_tok_s
FROM output_speed
WHERE (tpot_ms IS NULL) <> (output_speed_tok_s IS NULL)
   OR abs(output_speed_tok_s * tpot_ms - 1000) > 1e-6

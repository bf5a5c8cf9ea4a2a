-- severity: critical
-- note: By this hash answers to other prompts are told apart; without it they would be compared.
SELECT request_id, prompts_sha256
FROM probe_answers
WHERE NOT coalesce(regexp_full_match(prompts_sha256, '[0-9a-f]{64}'), false)

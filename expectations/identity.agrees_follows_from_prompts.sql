-- severity: critical
-- note: Two targets agree where at least half of the prompts do, and a pair is judged where it makes the same claim.
SELECT target, other, probe, prompts, prompts_agreeing, agrees
FROM identity
WHERE agrees <> (2 * prompts_agreeing >= prompts)
   OR is_same_claim <> coalesce(precision = other_precision, true)
   OR target = other

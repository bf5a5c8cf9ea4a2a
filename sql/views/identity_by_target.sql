-- One row a night, target and probe: with how many of those that claim its model its greedy answers agree. Pairs that claim two precisions are left out.
-- others: Targets that claim the same model and answered the same probe
-- agreeing: Of these, targets with which its answers agree
-- prefix_tokens: Longest common prefix with each of them in tokens (or words), median
-- token_agreement: Share of the longer answer at whose places both have the same token, median over them
-- verdict: agrees (with half of them or more), stands apart, or the two differ where there is one other alone
WITH pairs AS (
    SELECT * FROM identity WHERE is_same_claim
    UNION ALL
    SELECT * REPLACE (other AS target, target AS other, other_precision AS precision, precision AS other_precision)
    FROM identity WHERE is_same_claim
)
SELECT
    night, family, model, probe, provenance, target, any_value(precision) AS precision,
    count(*) AS others, count(*) FILTER (agrees) AS agreeing, any_value(unit) AS unit,
    median(prefix_tokens) AS prefix_tokens, median(token_agreement) AS token_agreement,
    CASE WHEN 2 * count(*) FILTER (agrees) >= count(*) THEN 'agrees'
         WHEN count(*) = 1 THEN 'the two differ'
         ELSE 'stands apart' END AS verdict
FROM pairs
GROUP BY ALL

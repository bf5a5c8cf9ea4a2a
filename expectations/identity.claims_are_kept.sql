-- severity: warning
-- note: Endpoints that claim one model and precision begin their greedy answers alike; one that does so with less than
--   half of the others serves something else, or in another way, than it says. Engines and precisions round
--   differently and near ties turn, so only the first ten tokens count, and of the prompts only half have to keep them.
--   Where two are all there is, it cannot be told which.
WITH pairs AS (
    SELECT night, model, probe, provenance, target, other, agrees, token_agreement FROM identity WHERE is_same_claim
    UNION ALL
    SELECT night, model, probe, provenance, other, target, agrees, token_agreement FROM identity WHERE is_same_claim
)
SELECT target, model, probe, provenance, count(*) FILTER (agrees) AS agrees_with, count(*) AS others,
       max(token_agreement) AS best_token_agreement
FROM pairs
GROUP BY target, model, probe, provenance, night
HAVING 2 * count(*) FILTER (agrees) < count(*)

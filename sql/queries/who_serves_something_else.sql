-- Who answers the same greedy questions unlike the others that claim to serve the same model? One row a target of the
-- last night with the others that it agrees with; who `stands apart` comes last.
SELECT t.title, i.model, t.model_id, i.agreeing, i.others, i.prefix_tokens, i.unit, i.token_agreement, i.verdict
FROM identity_by_target AS i
JOIN targets AS t USING (night, target)
WHERE i.night = (SELECT max(night) FROM targets)
ORDER BY i.verdict = 'stands apart', i.model, i.token_agreement, t.title

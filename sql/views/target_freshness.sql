-- One row a target of the latest night's plan: whether it is enabled, and in which night it was last recorded.
SELECT
    target,
    arg_max(status, night) <> 'skipped' AS is_enabled,
    max(night) FILTER (status = 'recorded') AS last_recorded,
    max(night) AS last_planned
FROM targets
GROUP BY target
HAVING max(night) = (SELECT max(night) FROM targets)

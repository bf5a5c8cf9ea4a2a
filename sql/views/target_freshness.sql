-- One row a target of the latest night's plan: whether it is enabled (a run is due), and in which night it was last recorded.
SELECT
    target,
    arg_max(status <> 'skipped' OR reason = 'no run was recorded', night) AS is_enabled,
    max(night) FILTER (status = 'recorded') AS last_recorded,
    max(night) AS last_planned
FROM targets
GROUP BY target
HAVING max(night) = (SELECT max(night) FROM targets)

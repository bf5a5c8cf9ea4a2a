-- One row a target of the latest night's plan: whether it is enabled (a run is due), and in which night it was last recorded.
-- is_enabled: True where a run was due: it was not skipped, or no run was recorded
-- last_recorded: The last night in which it was recorded; null where it never was
-- last_planned: The last night whose plan has it
SELECT
    target,
    arg_max(status <> 'skipped' OR reason = 'no run was recorded', night) AS is_enabled,
    max(night) FILTER (status = 'recorded') AS last_recorded,
    max(night) AS last_planned
FROM targets
GROUP BY target
HAVING max(night) = (SELECT max(night) FROM targets)

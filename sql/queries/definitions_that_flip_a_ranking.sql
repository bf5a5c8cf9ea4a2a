-- Does the order of targets depend on who does the arithmetic? One row a pair of targets, tool and metric of
-- the last night where the tool puts first whom our definition puts second, from the very same requests.
WITH figure AS (
    SELECT family, workload, scenario, metric, dialect, target, p50
    FROM dialect_summary
    WHERE night = (SELECT max(night) FROM summary) AND metric IN ('ttft_ms', 'itl_ms', 'tpot_ms', 'e2e_ms')
        AND p50 IS NOT NULL
),
pair AS (
    SELECT a.family, a.workload, a.scenario, a.metric, a.dialect, a.target AS target, b.target AS other,
           a.p50 AS target_ms, b.p50 AS other_ms
    FROM figure AS a
    JOIN figure AS b USING (family, workload, scenario, metric, dialect)
    WHERE a.target <> b.target
)
SELECT ours.scenario, ours.metric, ours.target AS first_by_us, ours.other AS first_by_them, theirs.dialect,
       round(ours.target_ms, 1) AS ours_ms, round(ours.other_ms, 1) AS ours_other_ms,
       round(theirs.target_ms, 1) AS theirs_ms, round(theirs.other_ms, 1) AS theirs_other_ms
FROM pair AS ours
JOIN pair AS theirs USING (family, workload, scenario, metric, target, other)
WHERE ours.dialect = 'tokenclock' AND theirs.dialect <> 'tokenclock'
  AND ours.target_ms < ours.other_ms AND theirs.target_ms > theirs.other_ms
ORDER BY ours.metric, ours.scenario, theirs.dialect, first_by_us, first_by_them

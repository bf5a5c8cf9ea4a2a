-- severity: warning
-- note: A closed loop never keeps more requests in flight than its scenario says; with more, the figures are
--   those of another load.
SELECT run_id, concurrency, max(in_flight) AS most_in_flight
FROM (
    SELECT
        run_id, concurrency,
        sum(step) OVER (PARTITION BY run_id ORDER BY moment_ns, step ROWS UNBOUNDED PRECEDING) AS in_flight
    FROM (
        SELECT run_id, concurrency, sent_ns AS moment_ns, 1 AS step
        FROM requests
        WHERE sent_ns IS NOT NULL AND end_ns IS NOT NULL
        UNION ALL
        SELECT run_id, concurrency, sent_ns + end_ns AS moment_ns, -1 AS step
        FROM requests
        WHERE sent_ns IS NOT NULL AND end_ns IS NOT NULL
    )
)
GROUP BY run_id, concurrency
HAVING max(in_flight) > concurrency

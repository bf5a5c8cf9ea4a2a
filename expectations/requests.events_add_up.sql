-- severity: critical
-- note: Counts are those of the events table, counted here once more.
SELECT
    request_id, event_count, coalesce(counted.events, 0) AS events,
    token_event_count, coalesce(counted.token_events, 0) AS token_events,
    arrival_count, coalesce(counted.arrivals, 0) AS arrivals
FROM requests
LEFT JOIN (
    SELECT
        request_id,
        count(*) AS events,
        count(*) FILTER (has_token) AS token_events,
        count(DISTINCT at_ns) FILTER (has_token) AS arrivals
    FROM events
    GROUP BY request_id
) AS counted USING (request_id)
WHERE event_count <> coalesce(counted.events, 0)
   OR token_event_count <> coalesce(counted.token_events, 0)
   OR arrival_count <> coalesce(counted.arrivals, 0)

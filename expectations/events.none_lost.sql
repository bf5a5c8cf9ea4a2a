-- severity: critical
-- note: Positions run from 0 without a gap; a gap is an event that was decoded and lost on the way.
SELECT request_id, count(*) AS events, max(event_index) AS last_event_index
FROM events
GROUP BY request_id
HAVING max(event_index) + 1 <> count(*)

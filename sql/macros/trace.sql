-- What happened to one request, in order of time: `FROM trace('<request_id>')` gives its marks and every event
-- of its answer, in ms from `sent`, with the socket read that brought it, its tokens and its text.
(id) AS TABLE
WITH mark AS (
    SELECT request_id, unnest([
        {'at_ns': connect_started_ns - sent_ns, 'what': 'connect started'},
        {'at_ns': scheduled_ns - sent_ns, 'what': 'scheduled'},
        {'at_ns': 0::BIGINT, 'what': 'sent'},
        {'at_ns': first_byte_ns, 'what': 'first byte'},
        {'at_ns': end_ns, 'what': 'end: ' || status || coalesce(' (' || error || ')', '')}
    ], recursive := true)
    FROM requests WHERE request_id = id
),
event AS (
    SELECT e.at_ns, e.event_index, e.read_index, e.event_type, e.has_token, t.tokens, e.finish_reason,
           e.error_message,
           coalesce(e.reasoning, '') || coalesce(e.content, '') || coalesce(e.tool_calls, '') AS text
    FROM events AS e
    LEFT JOIN event_tokens AS t ON (t.request_id, t.event_index) = (e.request_id, e.event_index)
    WHERE e.request_id = id
),
line AS (
    SELECT at_ns, CASE WHEN what LIKE 'end%' THEN 3 WHEN what = 'first byte' THEN 1 ELSE 0 END AS rank,
           NULL::INTEGER AS event_index, NULL::INTEGER AS read_index, what,
           NULL::BIGINT AS tokens, NULL::VARCHAR AS text
    FROM mark WHERE at_ns IS NOT NULL
    UNION ALL
    SELECT at_ns, 2, event_index, read_index,
           CASE WHEN error_message IS NOT NULL THEN 'error: ' || error_message
                WHEN finish_reason IS NOT NULL THEN 'finish: ' || finish_reason
                WHEN has_token THEN 'token' ELSE event_type END,
           tokens, nullif(text, '')
    FROM event
)
SELECT at_ns / 1e6 AS at_ms,
       (at_ns - lag(at_ns) OVER (ORDER BY at_ns, rank, event_index)) / 1e6 AS since_previous_ms,
       what, read_index, event_index, tokens, text
FROM line
ORDER BY at_ns, rank, event_index

-- What happened in the slowest request of the last night? Its marks and events in order of time: `trace` takes
-- any request_id, and `raw_reads` gives the bytes as they were recorded.
SET VARIABLE slowest = (
    SELECT request_id FROM ttft WHERE night = (SELECT max(night) FROM summary) ORDER BY ttft_ms DESC,
           request_id LIMIT 1
);
SELECT round(at_ms, 2) AS at_ms, round(since_previous_ms, 2) AS since_previous_ms, what, read_index, tokens,
       text
FROM trace(getvariable('slowest'))

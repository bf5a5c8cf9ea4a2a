-- severity: warning
-- note: A question and its answer take one round trip at least, and so does opening a connection: no first token
--   can be here sooner than the quickest handshake of the target in that night. One that is was buffered from
--   before, or its clock is wrong. (From a second on a handshake was sent anew, and is no round trip.)
SELECT ttft.request_id, ttft.target, ttft_ms, round_trip_ns / 1e6 AS round_trip_ms
FROM ttft
JOIN (
    SELECT target, min(tcp_ns) AS round_trip_ns
    FROM requests
    WHERE tcp_ns < 1000000000
    GROUP BY target
) AS nearest USING (target)
WHERE ttft_ms * 1e6 < round_trip_ns

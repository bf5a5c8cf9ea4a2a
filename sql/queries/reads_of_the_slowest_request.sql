-- Which bytes came when in the slowest request of the last night? One row a socket read as it was recorded,
-- from the traces themselves; `behind_us` is how much later the process saw it than the kernel.
SET VARIABLE slowest = (
    SELECT request_id FROM ttft WHERE night = (SELECT max(night) FROM summary) ORDER BY ttft_ms DESC,
           request_id LIMIT 1
);
SELECT read_index, round(at_ms, 2) AS at_ms, round(1000 * (user_ms - at_ms), 1) AS behind_us, body_bytes,
       left(decode(payload), 60) AS begins_with
FROM raw_reads(getvariable('slowest'))

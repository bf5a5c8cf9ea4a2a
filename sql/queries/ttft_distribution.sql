-- How is TTFT distributed? Requests of the last night per target and scenario, in steps of a tenth of the range.
WITH latest AS (SELECT * FROM ttft WHERE night = (SELECT max(night) FROM ttft)),
     spread AS (SELECT min(ttft_ms) AS low, greatest(max(ttft_ms) - min(ttft_ms), 1e-9) AS width FROM latest)
SELECT target, scenario, least(floor(10 * (ttft_ms - low) / width), 9)::INT AS tenth,
       round(low + tenth * width / 10, 1) AS from_ms, count(*) AS requests, bar(count(*), 0, 30, 30) AS histogram
FROM latest, spread
GROUP BY ALL
ORDER BY target, scenario, tenth

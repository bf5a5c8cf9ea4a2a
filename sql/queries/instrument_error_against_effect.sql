-- Could a difference be the recorder's own doing? One row a pair of targets and latency of the last night: the
-- difference, its interval, and the error that the recorder was caught at; `effect_over_error` below 10
-- deserves a second look.
SELECT c.scenario, c.metric, c.target, c.other, round(c.difference, 2) AS difference_ms,
       round(c.difference_low, 2) AS low_ms,
       round(c.difference_high, 2) AS high_ms,
       round(greatest(a.instrument_error_ms, b.instrument_error_ms), 4) AS instrument_ms,
       round(abs(c.difference) / greatest(a.instrument_error_ms, b.instrument_error_ms), 0) AS effect_over_error,
       c.verdict
FROM comparison AS c
JOIN instrument AS a
    ON (a.night, a.target, a.workload, a.scenario, a.metric) = (c.night, c.target, c.workload, c.scenario, c.metric)
JOIN instrument AS b
    ON (b.night, b.target, b.workload, b.scenario, b.metric) = (c.night, c.other, c.workload, c.scenario, c.metric)
WHERE c.night = (SELECT max(night) FROM summary) AND c.metric IN ('ttft_ms', 'e2e_ms')
ORDER BY effect_over_error, c.scenario, c.metric, c.target, c.other

-- severity: critical
-- note: An interval has two ends with its figure between them (rounding apart), and one round has none: it
--   cannot tell how rounds differ.
SELECT target, scenario, metric, rounds, mean_low, mean, mean_high, p50_low, p50, p50_high, p90_low, p90, p90_high,
       p95_low, p95, p95_high
FROM summary
CROSS JOIN LATERAL (
    VALUES (mean_low, mean, mean_high), (p50_low, p50, p50_high), (p90_low, p90, p90_high), (p95_low, p95, p95_high)
) AS one (low, figure, high)
WHERE (low IS NULL) <> (high IS NULL)
   OR (rounds < 2 AND low IS NOT NULL)
   OR low > figure + abs(figure) * 1e-9
   OR high < figure - abs(figure) * 1e-9

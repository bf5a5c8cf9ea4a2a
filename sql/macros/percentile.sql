-- Percentile `p` (0 to 1) of the values of a group by linear interpolation, as everywhere here; null where it
-- would rest on less than one value beyond it (p99 needs n >= 100, p99.9 a thousand).
(value, p) AS
CASE WHEN p < 0.99 OR round(count(value) * (1 - p), 9) >= 1 THEN quantile_cont(value, p) END

-- severity: critical
-- note: A difference and a ratio lie inside their intervals (rounding apart), and one round has none.
SELECT target, other, workload, scenario, metric, rounds, difference_low, difference, difference_high, ratio_low,
       ratio, ratio_high
FROM comparison
WHERE difference_low > difference + abs(difference) * 1e-9
   OR difference_high < difference - abs(difference) * 1e-9
   OR ratio_low > ratio * (1 + 1e-9)
   OR ratio_high < ratio * (1 - 1e-9)
   OR (rounds < 2) <> (difference_low IS NULL)
   OR (rounds < 2) <> (difference_high IS NULL)

-- severity: critical
-- note: A limit is shown to be kept once enough requests lie under it, and not before. With none over it that
--   takes 459 at least: the p99 at 99 % confidence.
SELECT target, workload, scenario, benchmark, metric, n, over, needed_under, is_shown
FROM early_stopping
WHERE is_shown <> (n - over >= needed_under)
   OR needed_under < 459

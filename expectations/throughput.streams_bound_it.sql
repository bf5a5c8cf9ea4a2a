-- severity: critical
-- note: What a system delivers, its streams deliver: no window can hold more requests that ended well than the run had.
SELECT run_id, requests_in_window, requests_with_metrics
FROM throughput
WHERE requests_in_window > requests_with_metrics

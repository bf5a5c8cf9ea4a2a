-- severity: critical
-- note: Goodput is what is inside the SLO of what was answered in the window, and there is none without an SLO.
SELECT run_id, requests_inside_slo, requests_in_window, window_s, goodput_req_s, slo_ttft_ms, slo_tpot_ms, slo_e2e_ms
FROM throughput
JOIN runs USING (run_id)
WHERE requests_inside_slo > requests_in_window
   OR abs(goodput_req_s * window_s - requests_inside_slo) > 1e-6
   OR (goodput_req_s IS NOT NULL AND coalesce(slo_ttft_ms, slo_tpot_ms, slo_e2e_ms) IS NULL)

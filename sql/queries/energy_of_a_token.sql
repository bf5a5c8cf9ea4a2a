-- What does a token cost in energy, and was the machine held back? Each run with its power, clocks and joules.
SELECT h.target, h.workload, h.scenario, h.round, h.device, round(h.power_mean_w, 1) AS power_w, h.power_limit_w,
       round(h.energy_j, 1) AS energy_j, h.energy_source, round(t.joules_per_token, 3) AS joules_per_token,
       round(h.gpu_utilisation_pct, 0) AS busy_pct, h.throttle_reasons, round(h.throttled_share, 3) AS throttled_share,
       coalesce(h.reason, t.energy_reason) AS reason
FROM hardware AS h JOIN throughput AS t USING (run_id)
WHERE h.night = (SELECT max(night) FROM summary)
ORDER BY h.target, h.workload, t.concurrency, h.round, h.device

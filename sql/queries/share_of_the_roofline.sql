-- How near is a stream to what the memory allows? One row a target and level of load of the last night: its
-- speed, the speed at which its weights could be read, and the share of it. Above 1 means speculation, or other
-- hardware than claimed.
SELECT target, scenario, hardware, precision, count(*) AS requests,
       round(median(bandwidth_bytes_s / bytes_per_token), 1) AS ceiling_tok_s,
       round(median(bandwidth_ceiling_share * bandwidth_bytes_s / bytes_per_token), 1) AS speed_p50_tok_s,
       round(p50(bandwidth_ceiling_share), 3) AS share_p50, round(max(bandwidth_ceiling_share), 3) AS share_max
FROM bandwidth
WHERE night = (SELECT max(night) FROM summary)
GROUP BY target, scenario, hardware, precision
ORDER BY share_p50 DESC, target, scenario

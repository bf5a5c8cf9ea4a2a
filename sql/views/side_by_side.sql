-- One row a night, target, workload and scenario: the figures that a comparison starts from.
-- n: Requests with a TTFT
-- ttft_p50_ms: Median of ttft_ms [ms]
-- ttft_p90_ms: 90th percentile of ttft_ms [ms]
-- tpot_p50_ms: Median of tpot_ms [ms/token]
-- output_speed_p50_tok_s: Median of output_speed_tok_s [tok/s]
-- e2e_p50_ms: Median of e2e_ms [ms]
-- output_throughput_p50_tok_s: Median of output_throughput_tok_s over the rounds [tok/s]
SELECT
    s.night, s.family, s.target, t.title, t.model_title, t.hardware, s.provenance,
    s.workload, s.scenario, s.concurrency, any_value(s.requests_sent) AS requests_sent,
    any_value(s.success_rate) AS success_rate,
    max(s.n) FILTER (s.metric = 'ttft_ms') AS n,
    max(s.p50) FILTER (s.metric = 'ttft_ms') AS ttft_p50_ms,
    max(s.p90) FILTER (s.metric = 'ttft_ms') AS ttft_p90_ms,
    max(s.p50) FILTER (s.metric = 'tpot_ms') AS tpot_p50_ms,
    max(s.p50) FILTER (s.metric = 'output_speed_tok_s') AS output_speed_p50_tok_s,
    max(s.p50) FILTER (s.metric = 'e2e_ms') AS e2e_p50_ms,
    max(s.p50) FILTER (s.metric = 'output_throughput_tok_s') AS output_throughput_p50_tok_s
FROM summary AS s
JOIN targets AS t USING (night, target)
GROUP BY ALL

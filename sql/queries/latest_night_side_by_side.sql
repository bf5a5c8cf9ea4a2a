-- Who was fastest in the last night? TTFT and speed of every target, fastest first within a family.
SELECT family, title, scenario, requests_sent AS sent, round(100 * success_rate, 1) AS success_pct,
       round(ttft_p50_ms, 1) AS ttft_p50_ms, round(ttft_p90_ms, 1) AS ttft_p90_ms,
       round(output_speed_p50_tok_s, 1) AS speed_p50_tok_s,
       round(output_throughput_p50_tok_s, 1) AS throughput_tok_s
FROM latest_night
ORDER BY family, scenario, output_speed_p50_tok_s DESC NULLS LAST

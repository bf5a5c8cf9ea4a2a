-- What does a million tokens cost that came in time? One row a priced target of the last night: the price of
-- all its tokens over the tokens of requests inside the SLO of the scenario; late ones are paid for as well,
-- and what failed ones cost nobody tells.
WITH paid AS (
    SELECT r.night, r.target, r.workload, r.scenario, c.usd_per_request, c.tokens_reported,
           r.has_metrics AND coalesce(t.ttft_ms <= n.slo_ttft_ms, true)
               AND coalesce(o.tpot_ms <= n.slo_tpot_ms, true)
               AND coalesce(o.e2e_ms <= n.slo_e2e_ms, true) AS is_inside
    FROM requests AS r
    JOIN runs AS n USING (run_id)
    LEFT JOIN cost AS c USING (request_id)
    LEFT JOIN ttft AS t USING (request_id)
    LEFT JOIN output_speed AS o USING (request_id)
    WHERE NOT r.is_warmup AND r.night = (SELECT max(night) FROM summary)
      AND coalesce(n.slo_ttft_ms, n.slo_tpot_ms, n.slo_e2e_ms) IS NOT NULL
)
SELECT target, scenario, count(*) AS requests, count(*) FILTER (is_inside) AS inside,
       round(1e6 * sum(usd_per_request) / sum(tokens_reported), 3) AS usd_per_million_tokens,
       round(1e6 * sum(usd_per_request) / nullif(sum(tokens_reported) FILTER (is_inside), 0), 3)
       AS usd_per_million_in_time
FROM paid
GROUP BY target, scenario
HAVING sum(usd_per_request) IS NOT NULL
ORDER BY usd_per_million_in_time NULLS LAST, target, scenario

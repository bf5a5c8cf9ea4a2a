-- What does the first question on a new connection cost? One row a target of the last night: TTFT of warm
-- requests, of cold ones with and without connecting, and the parts of connecting. You pay it once, not at
-- every question.
SELECT t.target, t.scenario, count(*) FILTER (t.is_connection_reused) AS warm,
       count(*) FILTER (NOT t.is_connection_reused) AS cold,
       round(median(t.ttft_ms) FILTER (t.is_connection_reused), 1) AS warm_ttft_ms,
       round(median(t.ttft_ms) FILTER (NOT t.is_connection_reused), 1) AS cold_ttft_after_connecting_ms,
       round(median(t.ttft_cold_ms), 1) AS ttft_cold_ms, round(median(r.dns_ns) / 1e6, 1) AS dns_ms,
       round(median(r.tcp_ns) / 1e6, 1) AS tcp_ms, round(median(r.tls_ns) / 1e6, 1) AS tls_ms
FROM ttft AS t
JOIN requests AS r USING (request_id)
WHERE t.night = (SELECT max(night) FROM summary)
GROUP BY t.target, t.scenario
HAVING cold > 0
ORDER BY t.target, t.scenario

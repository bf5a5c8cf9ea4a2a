-- severity: critical
-- note: DNS, TCP and TLS lie before `sent` and never inside a TTFT; a reused connection has none of them.
SELECT request_id, is_connection_reused, connect_started_ns, dns_ns, tcp_ns, tls_ns, sent_ns
FROM requests
WHERE coalesce(dns_ns, 0) + coalesce(tcp_ns, 0) + coalesce(tls_ns, 0) > sent_ns - connect_started_ns
   OR (is_connection_reused AND connect_started_ns IS NOT NULL)
   OR least(dns_ns, tcp_ns, tls_ns) < 0

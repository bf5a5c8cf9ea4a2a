-- severity: info
-- note: Below five values a percentile is one of the values by another name. (Throughput, energy and rent have one value a round.)
SELECT target, scenario, metric, n
FROM summary
WHERE n < 5
  AND metric NOT IN ('output_throughput_tok_s', 'request_throughput_req_s', 'goodput_req_s', 'joules_per_token',
                     'rented_usd_per_million_tokens')

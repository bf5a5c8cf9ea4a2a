-- Buy tokens or rent GPUs? One row a target, workload and load of the last night: what a million output tokens cost by the
-- provider's price, and what they cost where the GPUs are rented by the hour and always as busy as here.
WITH median AS (
    SELECT target, workload, scenario, concurrency, metric, p50 FROM summary
    WHERE night = (SELECT max(night) FROM summary)
)
PIVOT median
ON metric IN ('usd_per_million_tokens', 'rented_usd_per_million_tokens', 'output_throughput_tok_s')
USING round(first(p50), 3)
GROUP BY target, workload, scenario, concurrency
ORDER BY coalesce(rented_usd_per_million_tokens, usd_per_million_tokens) NULLS LAST, target, workload, scenario

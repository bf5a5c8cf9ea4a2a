-- One row a figure, as charts and tables show it: its key (`figure`, which every point of a chart carries), n, value (a median; of spend a sum), and what of it may be the recorder's own error.
-- figure: Its key: night, target, workload, scenario and metric, with the tool behind where it is one's definition
-- value: Median of the metric in its unit; of spend the sum
SELECT concat_ws('/', s.night, s.target, s.workload, s.scenario, s.metric) AS figure,
       s.night, s.target, s.model, s.workload, s.scenario, s.provenance, s.metric, NULL::VARCHAR AS dialect, s.unit, s.n,
       s.p50 AS value, i.instrument_error_ms, i.error_share
FROM summary AS s LEFT JOIN instrument AS i USING (night, target, workload, scenario, metric)
UNION ALL
SELECT concat_ws('/', d.night, d.target, d.workload, d.scenario, d.metric, d.dialect),
       d.night, d.target, d.model, d.workload, d.scenario, d.provenance, d.metric, d.dialect, d.unit, d.n, d.p50,
       i.instrument_error_ms, i.error_share
FROM dialect_summary AS d LEFT JOIN instrument AS i USING (night, target, workload, scenario, metric)
UNION ALL
SELECT concat_ws('/', night, provider, 'usd'), night, NULL, NULL, NULL, NULL, provenance, 'usd', NULL, 'USD',
       sum(requests_sent)::BIGINT, sum(usd), NULL, NULL
FROM spend WHERE usd IS NOT NULL GROUP BY night, provider, provenance

-- How do our figures stand beside the published ones? Both in one list, never under one name.
SELECT family, 'output_speed_tok_s' AS metric, title AS who, provenance, round(output_speed_p50_tok_s, 1) AS value,
       night::VARCHAR AS "when", 'this pipeline' AS measured_by
FROM latest_night WHERE family IN (SELECT family FROM published_figures)
UNION ALL
SELECT family, metric, provider, provenance, value, published_at, measured_by
FROM published_figures
ORDER BY family, metric, value DESC, who, "when", measured_by

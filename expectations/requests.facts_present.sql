-- severity: critical
-- note: What every request has, however it ended. A null among these would drop it from the success rate unseen.
SELECT request_id, run_id, night, target, model, workload, scenario, round, provenance, status, outcome
FROM requests
WHERE request_id IS NULL
   OR run_id IS NULL
   OR night IS NULL
   OR target IS NULL
   OR model IS NULL
   OR family IS NULL
   OR workload IS NULL
   OR scenario IS NULL
   OR round IS NULL
   OR provenance IS NULL
   OR is_warmup IS NULL
   OR status IS NULL
   OR has_metrics IS NULL
   OR outcome IS NULL
   OR read_count IS NULL
   OR body_bytes IS NULL
   OR event_count IS NULL
   OR token_event_count IS NULL
   OR arrival_count IS NULL

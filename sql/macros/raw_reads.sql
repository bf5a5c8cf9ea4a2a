-- The socket reads of one request as they were recorded, bytes and stamps: `FROM raw_reads('<request_id>')`.
-- They lie beside the warehouse, in data/traces: elsewhere than in `tokenclock sql`, say where first: SET
-- file_search_path = '…/data'.
(id) AS TABLE
SELECT read_index, at_ns / 1e6 AS at_ms, user_ns / 1e6 AS user_ms, wire_bytes,
       octet_length(payload) AS body_bytes, payload
FROM read_parquet('traces/night=*/target=*/' || split_part(id, '/', 1) || '/reads.parquet', hive_partitioning = false)
WHERE request_id = id
ORDER BY read_index

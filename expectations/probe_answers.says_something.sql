-- severity: warning
-- note: A greedy answer to a plain question has text. An endpoint that ends well and says nothing agrees with nobody, and
--   would be told apart from the others by its silence alone.
SELECT request_id, target, probe, prompt_index, status
FROM probe_answers
WHERE reasoning IS NULL AND content IS NULL

-- One row a night, target, probe and prompt: how far the answer is that of the last night before it with the same prompts; 1 is the same text.
-- previous_night: The last night before in which it answered the same prompts
-- previous_model_id: The id that was asked for then
-- chars: Characters of the longer of the two answers
-- prefix_chars: Characters that both answers begin with
-- share: prefix_chars / chars; 1 is the same text [1]
WITH answers AS (
    SELECT
        night, target, model, family, provenance, probe, prompts_sha256, prompt_index, model_id,
        concat(reasoning, content) AS answer
    FROM probe_answers
    QUALIFY row_number() OVER (PARTITION BY night, target, probe, prompts_sha256, prompt_index ORDER BY request_id DESC) = 1
), pairs AS (
    SELECT *, lag(night) OVER nights AS previous_night, lag(model_id) OVER nights AS previous_model_id,
           lag(answer) OVER nights AS previous
    FROM answers
    WINDOW nights AS (PARTITION BY target, probe, prompts_sha256, prompt_index ORDER BY night)
), compared AS (
    SELECT *, greatest(length(answer), length(previous)) AS chars,
           list_position(
               list_transform(
                   range(1, least(length(answer), length(previous)) + 1), lambda i: answer[i] = previous[i]
               ), false
           ) AS differs_at
    FROM pairs WHERE previous IS NOT NULL
)
SELECT
    night, previous_night, target, model, family, provenance, probe, prompt_index, model_id, previous_model_id, chars,
    coalesce(differs_at - 1, least(length(answer), length(previous))) AS prefix_chars,
    CASE WHEN chars = 0 THEN 1 ELSE prefix_chars / chars END AS share
FROM compared

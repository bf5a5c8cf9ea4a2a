-- severity: critical
-- note: Whoever is asked for one model and serves another is measured as something that he is not. As the same
--   name count: other capitals; with or without a path in front of it (`openai/gpt-oss-120b`, `gpt-oss-120b`);
--   a revision (`@main`) or a date or version of digits behind a name that was asked for without one; and what
--   `echoed_as` in the plan lists. Two different paths, sizes, flavours or dates are two models.
SELECT target, model_id, model_echoed, model_echoed_as, count(*) AS requests
FROM (
    SELECT
        *,
        regexp_replace(lower(model_id), '[-:]latest$', '') AS asked,
        regexp_replace(lower(model_echoed), '([-:]latest|@[\w.]+)$', '') AS echoed
    FROM requests
)
WHERE has_metrics
  AND echoed <> asked
  AND echoed <> lower(model_id)
  AND NOT ends_with(asked, '/' || echoed)
  AND NOT ends_with(echoed, '/' || asked)
  AND NOT coalesce(list_contains(string_split(lower(model_echoed_as), ', '), lower(model_echoed)), false)
  AND NOT (
      -- a dated name of one that was asked for without a date
      regexp_full_match(echoed, '.*-([0-9]{3,8}|[0-9]{4}-[0-9]{2}-[0-9]{2})')
      AND (
          regexp_replace(echoed, '-([0-9]{3,8}|[0-9]{4}-[0-9]{2}-[0-9]{2})$', '') = asked
          OR ends_with(asked, '/' || regexp_replace(echoed, '-([0-9]{3,8}|[0-9]{4}-[0-9]{2}-[0-9]{2})$', ''))
          OR ends_with(regexp_replace(echoed, '-([0-9]{3,8}|[0-9]{4}-[0-9]{2}-[0-9]{2})$', ''), '/' || asked)
      )
  )
GROUP BY target, model_id, model_echoed, model_echoed_as

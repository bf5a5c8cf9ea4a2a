-- 95th percentile of the values of a group, linear interpolation.
(value) AS percentile(value, 0.95)

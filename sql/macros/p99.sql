-- 99th percentile of the values of a group, linear interpolation; null below n = 100.
(value) AS percentile(value, 0.99)

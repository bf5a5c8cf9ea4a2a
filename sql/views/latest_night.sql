-- The figures of the last published night, one row a target, workload and scenario.
SELECT * FROM side_by_side WHERE night = (SELECT max(night) FROM summary)

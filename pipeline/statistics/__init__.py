"""What can be said of a sample: intervals, comparisons, limits, changes. Pure functions of arrays.

Belongs here: statistics that know nothing of tables, nights or files. `bootstrap` and `sequential` need numpy
alone, so that the recording half can ask them whether it has measured enough.
"""

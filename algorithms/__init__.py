"""QGIS Processing: one file for each algorithm, thin from parameters over a call of ``core`` to outputs."""

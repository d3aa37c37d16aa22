"""The science and the runtime of HyperLift: no Qt, no QGIS, nothing printed."""

"""HyperLift without QGIS: the scene runner from the command line, over rasterio."""

"""What stands around the plot, in plain Qt: nothing here imports anything of QGIS but ``qgis.PyQt``."""

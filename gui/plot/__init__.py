"""A plot of spectra in plain Qt: nothing here imports anything of QGIS but ``qgis.PyQt``."""

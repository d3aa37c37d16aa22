"""Many scenes in one go, through QGIS's own batch dialog."""

from __future__ import annotations

import pytest
from osgeo import gdal
from qgis.core import QgsProcessingContext, QgsProject
from qgis.PyQt.QtCore import QCoreApplication


@pytest.fixture
def batch(provider, qgis_iface):
    from processing.gui.BatchAlgorithmDialog import BatchAlgorithmDialog

    dialog = BatchAlgorithmDialog(provider.algorithm("spectralsuperresolution").create())
    yield dialog
    dialog.close()
    QgsProject.instance().clear()


def test_batch_lifts_every_scene(batch, make_scene, model_file, tmp_path):
    panel, context = batch.mainWidget(), QgsProcessingContext()
    panel.clear()
    panel.checkLoadLayersOnCompletion.setChecked(False)
    outputs = [tmp_path / f"lifted_{number}.tif" for number in range(3)]
    for row, output in enumerate(outputs):
        panel.addRow()
        for name, value in (("INPUT", str(make_scene(name=f"{row}.tif"))), ("MODEL_FILE", str(model_file))):
            panel.wrappers[row][panel.parameter_to_column[name]].setParameterValue(value, context)
        panel.tblParameters.cellWidget(row + 1, panel.parameter_to_column["OUTPUT"]).setValue(str(output))
    batch.runAlgorithm()
    while batch.cancelButton().isEnabled():  # as long as it runs, which is in threads from QGIS 3.24 on
        QCoreApplication.processEvents()
    assert [gdal.Open(str(output)).RasterCount for output in outputs] == [172, 172, 172]

"""Files of spectrometers, written here byte by byte as their formats say."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from hyperlift.core.errors import SpectralError
from hyperlift.core.spectral import read_library

CHANNELS = 2151
REFLECTANCE, RAW, RADIANCE = 1, 0, 2


def asd_bytes(values, reference=None, mark=b"as7", kind=REFLECTANCE, form=2, description=b"panel"):
    """An ASD file: header of 484 bytes, spectrum, and from revision 2 on the white reference."""
    dtype = {0: "<f4", 1: "<i4", 2: "<f8"}[form]
    header = bytearray(484)
    header[:3] = mark
    header[186], header[199] = kind, form
    struct.pack_into("<ff", header, 191, 350.0, 1.0)
    struct.pack_into("<H", header, 204, len(values))
    data = bytes(header) + np.asarray(values, dtype).tobytes()
    if mark != b"ASD":
        flag = 0 if reference is None else 0xFFFF
        data += struct.pack("<Hdd", flag, 0.0, 0.0) + struct.pack("<H", len(description)) + description
        data += np.asarray(np.zeros(len(values)) if reference is None else reference, dtype).tobytes()
    return data


@pytest.fixture
def values() -> np.ndarray:
    return 0.3 + 0.1 * np.sin(np.arange(CHANNELS) / 100)


@pytest.mark.parametrize("mark", [b"as2", b"as3", b"as4", b"as5", b"as6", b"as7", b"as8"])
def test_asd_reflectance_is_the_target_over_the_reference(tmp_path, values, mark):
    reference = np.linspace(2000.0, 9000.0, CHANNELS)
    path = tmp_path / "leaf.asd"
    path.write_bytes(asd_bytes(values * reference, reference, mark, RAW))
    library = read_library(path)
    assert library.names == ("leaf",)
    assert library.spectra[0] == pytest.approx(values, rel=1e-12)
    assert np.array_equal(library.wavelength_nm, np.arange(350.0, 2501.0))


@pytest.mark.parametrize(("form", "precision"), [(0, 1e-6), (2, 0.0)])
def test_asd_reflectance_without_reference_is_taken_as_it_is(tmp_path, values, form, precision):
    path = tmp_path / "series.003"
    path.write_bytes(asd_bytes(values, mark=b"ASD", form=form))
    assert read_library(path).spectra[0] == pytest.approx(values, rel=precision, abs=0)


@pytest.mark.parametrize(("kind", "word"), [(RAW, "raw counts"), (RADIANCE, "radiance")])
def test_asd_counts_without_reference_are_refused(tmp_path, values, kind, word):
    path = tmp_path / "target.asd"
    path.write_bytes(asd_bytes(values, kind=kind))
    with pytest.raises(SpectralError, match=f"holds {word} without a white reference; convert it"):
        read_library(path)


def test_damaged_and_foreign_asd_files_are_refused(tmp_path, values):
    path = tmp_path / "target.asd"
    path.write_bytes(asd_bytes(values)[:2000])
    with pytest.raises(SpectralError, match=r"damaged or cut short \(.*\); copy it again"):
        read_library(path)
    path.write_bytes(b"GIF89a")
    with pytest.raises(SpectralError, match="is no ASD spectrum"):
        read_library(path)


ECOSTRESS = """Name: Construction Concrete
Type: manmade
Class: Concrete
Subclass: Construction Concrete
Particle Size: Solid
Sample No.: 0598UUUCNC
Owner: NPS
Wavelength Range: All
Origin: Unknown
Collection Date: N/A
Description: Light grey: a piece of pavement.
Measurement: Directional (10 Degree) Hemispherical Reflectance
First Column: X
Second Column: Y
X Units: Wavelength (micrometers)
Y Units: Reflectance (percent)
First X Value: 0.42
Last X Value: 14.011
Number of X Values: 4
Additional Information: none

14.0110\t 3.3096
2.2000\t 31.5
0.5000\t 25.0
0.4200\t -1.23e34
"""


def test_ecostress_text_becomes_reflectance_over_ascending_nm(tmp_path):
    path = tmp_path / "concrete.spectrum.txt"
    path.write_text(ECOSTRESS, encoding="utf-8")
    library = read_library(path)
    assert library.names == ("Construction Concrete",)
    assert library.wavelength_nm == pytest.approx([420.0, 500.0, 2200.0, 14011.0])
    assert np.isnan(library.spectra[0, 0])
    assert library.spectra[0, 1:] == pytest.approx([0.25, 0.315, 0.033096])


def test_asd_text_export_has_a_spectrum_in_each_column(tmp_path):
    path = tmp_path / "export.txt"
    lines = ["Wavelength\tleaf.asd\tsoil.asd", "350\t0.0512\t0.11", "351\t0,0513\t0.12", "352\t0.0514\t0.13"]
    path.write_text("\r\n".join(lines), encoding="utf-8")
    library = read_library(path)
    assert library.names == ("leaf.asd", "soil.asd")
    assert library.spectra.tolist() == [[0.0512, 0.0513, 0.0514], [0.11, 0.12, 0.13]]
    assert library.wavelength_nm.tolist() == [350.0, 351.0, 352.0]


@pytest.mark.parametrize("text", ["", "no numbers here\n", "1 2\n3 4 5\n", "350 0.1\n"])
def test_text_that_is_no_spectrum_is_refused(tmp_path, text):
    path = tmp_path / "notes.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpectralError, match="is no spectrum; it needs columns of numbers under a header"):
        read_library(path)

import csv

import numpy as np
import pytest

from hyperlift.core.errors import SpectralError
from hyperlift.core.spectral import (
    Grid,
    Response,
    grid,
    parametric_response,
    read_response,
    response_matrix,
    sensor,
)
from hyperlift.core.spectral.responses import super_gaussian

SENSORS = ("sentinel2a", "sentinel2b", "sentinel2c")


def published(folder, name):
    """Response of a sensor's twelve bands as ESA publishes it."""
    with np.load(folder / "responses" / f"S2{name[-1].upper()}.npz") as table:
        bands = [f"B{band}" for band in table["bands"]]
        keep = [bands.index(band) for band in sensor(name).band_names]
        return Response(
            tuple(sensor(name).band_names),
            table["wavelength_nm"].astype(float),
            np.clip(table["srf"][keep], 0, None).astype(float),
        )


def libraries(folder):
    """Every library's spectra, interpolated to 1 nm; NaN beyond their ends."""
    wavelength = np.arange(300.0, 2601.0)
    for path in sorted((folder / "libraries").glob("*.npz")):
        with np.load(path) as table:
            spectra, centres = table["spectra"].astype(float), table["wavelength_nm"].astype(float)
        order = np.argsort(centres)
        for spectrum in spectra:
            yield np.interp(wavelength, centres[order], spectrum[order], left=np.nan, right=np.nan)


def band_averages(response, wavelength, spectra):
    """Band averages ``(n, c)`` by direct summation at 1 nm."""
    weights = np.array([np.interp(wavelength, response.wavelength_nm, c, 0, 0) for c in response.curves])
    weights[weights < 1e-5] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    return np.stack([spectra[:, row > 0] @ row[row > 0] for row in weights], axis=1)


@pytest.mark.parametrize("name", SENSORS)
def test_parametric_bands_average_library_spectra_as_the_published_ones(shared_data, name):
    wavelength, spectra = np.arange(300.0, 2601.0), np.array(list(libraries(shared_data)))
    true = band_averages(published(shared_data, name), wavelength, spectra)
    ours = band_averages(parametric_response(sensor(name)), wavelength, spectra)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(true > 0.002, np.abs(ours / true - 1.0), np.nan)
    assert (np.isfinite(relative).sum(axis=0) > 3000).all()
    worst = np.nanpercentile(relative, 95, axis=0)
    assert (worst < 0.007).all(), dict(zip(sensor(name).band_names, worst.round(4)))


def test_a_gaussian_would_not_be_good_enough(shared_data):
    wavelength, spectra = np.arange(300.0, 2601.0), np.array(list(libraries(shared_data)))
    seen = sensor("sentinel2a")
    curves = [super_gaussian(wavelength, band.centre_nm, band.width_nm, 2) for band in seen.bands]
    gaussian = Response(tuple(seen.band_names), wavelength, np.array(curves))
    true = band_averages(published(shared_data, "sentinel2a"), wavelength, spectra)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.abs(band_averages(gaussian, wavelength, spectra) / true - 1.0)
    # B12's Gaussian tail reaches beyond the libraries; the others are enough.
    assert np.nanpercentile(relative[:, :-1], 95, axis=0).max() > 0.05


@pytest.mark.parametrize("name", SENSORS)
def test_matrix_rows_are_weights(name):
    matrix, supported = response_matrix(parametric_response(sensor(name)), grid("aviris186"))
    assert supported.all()
    assert matrix.min() >= 0
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)


def test_b1_has_no_support_on_the_172_grid():
    matrix, supported = response_matrix(parametric_response(sensor("sentinel2a")), grid("aviris172"))
    assert supported.tolist() == [False] + [True] * 11
    assert not matrix[0].any()


@pytest.mark.parametrize("name", ["aviris224", "aviris186"])
def test_matrix_integrates_a_piecewise_linear_spectrum_exactly(name):
    channels = grid(name)
    spectrum = np.random.default_rng(0).random(len(channels))
    response = parametric_response(sensor("sentinel2a"))
    matrix, _ = response_matrix(response, channels)
    order = channels.order
    fine = np.interp(response.wavelength_nm, channels.wavelength_nm[order], spectrum[order])
    # Independent: plain sums at 1 nm where the response falls on the grid.
    weights = response.curves * channels.covers(response.wavelength_nm)
    np.testing.assert_allclose(matrix @ spectrum, weights @ fine / weights.sum(axis=1), rtol=1e-10)


def test_channel_order_does_not_matter():
    channels = grid("aviris172")
    shuffle = np.random.default_rng(1).permutation(len(channels))
    mixed = Grid("mixed", channels.wavelength_nm[shuffle], channels.fwhm_nm[shuffle])
    response = parametric_response(sensor("sentinel2b"))
    straight, _ = response_matrix(response, channels)
    np.testing.assert_allclose(response_matrix(response, mixed)[0], straight[:, shuffle])


def test_user_response_round_trip(tmp_path):
    response = parametric_response(sensor("sentinel2a"))
    path = tmp_path / "response.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["nm", *response.band_names])
        writer.writerows(np.column_stack([response.wavelength_nm, response.curves.T]).tolist())
    again = read_response(path)
    assert again.band_names == response.band_names
    np.testing.assert_allclose(again.curves, response.curves)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nm,B1\n400,x\n", "could not be read"),
        ("nm,B1\n400,1,2\n410,1,2\n", "with a header for each"),
        ("nm,B1\n410,1\n400,1\n", "must increase"),
        ("nm,B1\n400,0\n410,0\n", "positive maximum"),
        ("", "could not be read|with a header"),
    ],
)
def test_bad_response_files_are_explained(tmp_path, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(SpectralError, match=message):
        read_response(path)


def test_missing_response_file_is_named(tmp_path):
    with pytest.raises(SpectralError, match=r"nothing\.csv"):
        read_response(tmp_path / "nothing.csv")

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from hyperlift.core.unmixing import endmembers as module
from hyperlift.core.unmixing.endmembers import vca
from hyperlift.core.unmixing.statistics import UnmixingError


def smooth_spectra(count, bands=80, seed=0):
    """Unlike spectra of a few broad features, between 0.05 and 0.95: ``(count, bands)``."""
    random = np.random.default_rng(seed)
    at, centre = np.linspace(0, 1, bands), random.random((count, 4, 1))
    bumps = np.exp(-((at - centre) ** 2) / (2 * random.uniform(0.03, 0.2, (count, 4, 1)) ** 2))
    shape = (random.random((count, 4, 1)) * bumps).sum(axis=1)
    return 0.05 + 0.9 * shape / shape.max(axis=1, keepdims=True)


def mixtures(spectra, count=6000, pure=True, snr=40.0, seed=0):
    """Pixels ``(count, bands)`` with white noise of ``snr`` dB, some of one endmember alone if ``pure``."""
    random = np.random.default_rng(seed)
    abundances = random.dirichlet(np.ones(len(spectra)), count)
    if pure:
        abundances[random.choice(count, 5 * len(spectra), replace=False)] = np.tile(
            np.eye(len(spectra)), (5, 1)
        )
    clean = abundances @ spectra
    deviation = np.sqrt(np.mean(clean**2) * 10 ** (-snr / 10))
    return clean + deviation * random.standard_normal(clean.shape)


def angles(truth, estimate):
    """Degrees between the spectra of both, matched so that their sum is least."""
    unit = [spectra / np.linalg.norm(spectra, axis=1, keepdims=True) for spectra in (truth, estimate)]
    table = np.degrees(np.arccos(np.clip(unit[0] @ unit[1].T, -1, 1)))
    return table[linear_sum_assignment(table)]


def textbook_vca(image, count, seed):
    """The authors' algorithm for ``(bands, n)``: spectra ``(bands, count)``, indices, was it projective."""
    bands, pixels = image.shape
    random = np.random.default_rng(seed)

    def axes_of(moment):
        axes = np.linalg.svd(moment)[0][:, :count]
        return axes * np.sign(axes[np.abs(axes).argmax(axis=0), range(count)])

    mean = image.mean(axis=1, keepdims=True)
    axes = axes_of((image - mean) @ (image - mean).T / pixels)
    projected = axes.T @ (image - mean)
    power, inside = np.sum(image**2) / pixels, np.sum(projected**2) / pixels + np.sum(mean**2)
    ratio = 10 * np.log10((inside - count / bands * power) / (power - inside))
    projective = ratio > 15 + 10 * np.log10(count)
    second = axes_of(image @ image.T / pixels)
    if projective:
        signal = second.T @ image
        signal = signal / np.sum(signal * signal.mean(axis=1, keepdims=True), axis=0)
    else:
        signal = projected[:-1]
        level = np.max(np.sum(signal**2, axis=0)) ** 0.5
        signal = np.vstack([signal, np.full((1, pixels), level)])
    corners, indices = np.zeros((count, count)), np.zeros(count, dtype=int)
    corners[-1, 0] = 1
    for step in range(count):
        drawn = random.random((count, 1))
        direction = drawn - corners @ np.linalg.pinv(corners) @ drawn
        values = (direction / np.linalg.norm(direction)).T @ signal
        indices[step] = np.argmax(np.abs(values))
        corners[:, step] = signal[:, indices[step]]
    return second @ second.T @ image[:, indices], indices, projective


@pytest.mark.parametrize(("snr", "projective"), [(45, True), (18, False)])
@pytest.mark.parametrize("count", [2, 5])
def test_one_run_is_the_textbooks(snr, projective, count):
    pixels = mixtures(0.5 + 0.5 * smooth_spectra(count), snr=snr)
    for seed in range(4):
        spectra, indices, was_projective = textbook_vca(pixels.T, count, seed)
        assert was_projective == projective
        found = vca(pixels, count, seed, trials=1)
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_allclose(found.spectra, spectra.T, atol=1e-9)


@pytest.mark.parametrize("count", [2, 3, 6, 9])
def test_pure_pixels_are_found(count):
    spectra = smooth_spectra(count)
    found = vca(mixtures(spectra), count)
    assert angles(spectra, found.spectra).mean() < 1
    assert found.indices.dtype == np.int64
    assert found.indices.shape == (count,)


def test_without_noise_the_pure_pixels_themselves_come_back():
    spectra = smooth_spectra(5)
    found = vca(mixtures(spectra, snr=300), 5)
    assert angles(spectra, found.spectra).max() < 1e-4


def test_measured_spectra_on_request_and_the_others_nearer_to_the_truth():
    spectra = smooth_spectra(4)
    pixels = mixtures(spectra, snr=30)
    found, measured = vca(pixels, 4), vca(pixels, 4, denoised=False)
    np.testing.assert_array_equal(found.indices, measured.indices)
    np.testing.assert_array_equal(measured.spectra, pixels[measured.indices])
    assert angles(spectra, found.spectra).mean() < 0.5 * angles(spectra, measured.spectra).mean()


def test_spectra_freed_of_noise_are_not_negative_where_their_pixels_are_not():
    spectra = smooth_spectra(5)
    spectra[0] = 0.0  # black but for some bands, and one material more than is asked for
    spectra[0, 3:6] = 0.3
    pixels = np.maximum(mixtures(spectra, snr=40), 0.0)
    found = vca(pixels, 4)
    axes = np.linalg.svd(pixels, full_matrices=False)[2][:4]
    assert (pixels[found.indices] @ axes.T @ axes).min() < 0.0
    assert found.spectra.min() >= 0.0


@pytest.mark.parametrize("kept", [0, 10**9])
@pytest.mark.parametrize("snr", [18, 45])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_give_what_the_array_gives(monkeypatch, kept, snr, dtype):
    pixels = mixtures(0.5 + 0.5 * smooth_spectra(4), 20_000, snr=snr).astype(dtype)
    pixels[::11] = np.nan
    whole = vca(pixels, 4, 3)
    monkeypatch.setattr(module, "KEPT_BYTES", kept)
    for blocks in ([pixels], np.split(pixels, [1, 9000, 9001]), np.array_split(pixels, 37)):
        found = vca(lambda blocks=blocks: iter(blocks), 4, 3)
        np.testing.assert_array_equal(found.indices, whole.indices)
        np.testing.assert_array_equal(found.spectra, whole.spectra)


def test_an_image_with_bands_first_gives_the_same():
    pixels = mixtures(smooth_spectra(4), 9000)
    image = np.ascontiguousarray(pixels.T)
    np.testing.assert_array_equal(vca(image.T, 4).indices, vca(pixels, 4).indices)


def test_nodata_is_never_taken_and_positions_count_it():
    spectra = smooth_spectra(3)
    pixels = mixtures(spectra)
    gaps = np.full((2 * len(pixels), pixels.shape[1]), np.nan)
    gaps[1::2] = pixels
    gaps[0, 5:] = 99.0
    found, plain = vca(gaps, 3), vca(pixels, 3)
    np.testing.assert_array_equal(found.indices, 2 * plain.indices + 1)
    np.testing.assert_allclose(found.spectra, plain.spectra, atol=1e-9)


def test_the_seed_determines_the_result():
    pixels = mixtures(smooth_spectra(6), snr=25)
    first, again = vca(pixels, 6, 7, trials=1), vca(pixels, 6, 7, trials=1)
    np.testing.assert_array_equal(first.indices, again.indices)
    assert len({tuple(np.sort(vca(pixels, 6, seed, trials=1).indices)) for seed in range(5)}) > 1


def test_no_pixel_is_taken_twice():
    pixels = mixtures(smooth_spectra(3), 40, snr=50)
    for seed in range(5):
        assert len(set(vca(pixels, 12, seed, trials=3).indices)) == 12


def test_dark_water_is_found_beside_its_noise():
    spectra = smooth_spectra(4)
    spectra[0] *= 0.03
    pixels = mixtures(spectra, snr=32)
    found = angles(spectra, vca(pixels, 4).spectra)
    assert found[1:].max() < 2
    assert found[0] < 15
    _, indices, projective = textbook_vca(pixels.T, 4, 0)
    assert projective
    assert angles(spectra, pixels[indices]).mean() > 2 * found.mean()


@pytest.mark.parametrize("residue", [0.0, 1e-17])
def test_pixels_with_a_mean_of_zero(residue):
    spectra = smooth_spectra(4)
    pixels = mixtures(spectra, snr=45)
    pixels -= pixels.mean(axis=0)
    both = np.vstack([pixels, -pixels]) + residue
    found = vca(both, 4, denoised=False)
    np.testing.assert_array_equal(found.spectra, both[found.indices])
    lengths = np.linalg.norm(both, axis=1)
    assert lengths[found.indices].min() > np.median(lengths)


def test_many_runs_are_steadier_than_one(shared_data):
    held = np.load(shared_data / "unmixing" / "unmix_samson.npz")
    pixels, truth = held["Y"].reshape(-1, 156), held["M"]
    many = [angles(truth, vca(pixels, 3, seed).spectra).mean() for seed in range(4)]
    one = [angles(truth, vca(pixels, 3, seed, trials=1).spectra).mean() for seed in range(4)]
    assert max(many) <= max(one) + 0.1


@pytest.mark.parametrize(("name", "bound"), [("samson", 5.0), ("moffett", 9.0), ("muufl90", 10.0)])
def test_endmembers_of_real_scenes(shared_data, name, bound):
    held = np.load(shared_data / "unmixing" / f"unmix_{name}.npz", allow_pickle=False)
    pixels, truth = held["Y"].reshape(-1, held["Y"].shape[2]), held["M"]
    truth = truth if truth.shape[1] == pixels.shape[1] else truth.T
    mean = angles(truth, vca(pixels, len(truth)).spectra).mean()
    print(f"{name}: mean endmember angle {mean:.2f} degrees")
    assert mean < bound


@pytest.mark.parametrize(
    ("pixels", "count", "message"),
    [
        (mixtures(smooth_spectra(3), 100), 1, "at least two"),
        (mixtures(smooth_spectra(3, bands=12), 100), 13, "12 bands allow 12"),
        (mixtures(smooth_spectra(3), 20)[:4], 5, "4 valid pixels"),
        (np.full((50, 6), np.nan), 3, "nodata"),
        (np.full((50, 6), 0.2), 3, "only 1 spectra"),
        (mixtures(smooth_spectra(2), 5000, snr=400), 4, "only 2 spectra"),
        (mixtures(smooth_spectra(2), 5000, snr=400).astype(np.float32), 4, "only 2 spectra"),
    ],
)
def test_what_cannot_be_is_refused(pixels, count, message):
    with pytest.raises(UnmixingError, match=message):
        vca(pixels, count)

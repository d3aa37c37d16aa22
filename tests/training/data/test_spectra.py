import numpy as np
import pytest

from hyperlift.core.spectral import grid
from hyperlift.training.data.spectra import Collection, load_collections

AXIS = grid("aviris224")
LEVELS = (0.2, 0.3, 5.0, 0.4, 0.5)  # the third is brighter than land can be


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cubes").mkdir()
    (tmp_path / "libraries").mkdir()
    return tmp_path


def write_library(folder, **arrays):
    spectra = np.array(LEVELS)[:, None] * np.ones(len(AXIS.wavelength_nm))
    path = folder / "libraries" / "some.npz"
    np.savez(path, spectra=spectra, wavelength_nm=AXIS.wavelength_nm, fwhm_nm=AXIS.fwhm_nm, **arrays)
    return path


def levels(collection):
    return collection.spectra[:, 50].astype(float).round(3).tolist()


def test_names_stay_with_their_spectra_where_others_are_left_out(folder):
    write_library(folder, names=np.array(["old snow", "soil", "bright snow", "tar", "new snow"]))
    (library,) = load_collections(folder)
    assert levels(library) == [0.2, 0.3, 0.4, 0.5]
    snow = library.named("snow")
    assert levels(snow) == [0.2, 0.5]
    assert snow.names.tolist() == ["old snow", "new snow"]
    half = library.part(0.5)
    assert dict(zip(half.names, levels(half))) == {"old snow": 0.2, "new snow": 0.5}


@pytest.mark.parametrize(
    "names",
    [{}, {"names": np.array(["one", "two"])}, {"names": np.array(["a", "b", "c", "d", None], object)}],
)
def test_a_library_needs_no_names_unless_they_are_asked_for(folder, names):
    write_library(folder, **names)
    (library,) = load_collections(folder)
    assert library.names is None
    assert levels(library.part(0.5)) == [0.2, 0.5]
    with pytest.raises(ValueError, match="library 'some' has no names: save one for each spectrum"):
        library.named("snow")


def test_a_name_that_no_spectrum_has_is_refused(folder):
    write_library(folder, names=np.array(list("abcde")))
    (library,) = load_collections(folder)
    with pytest.raises(ValueError, match="library 'some' has no spectrum with 'snow' in its name"):
        library.named("snow")


@pytest.mark.parametrize("content", [b"", b"text", b"PK and no more", None])
def test_what_is_neither_cube_nor_library_is_refused_by_name(folder, content):
    path = folder / "cubes" / "broken.npz"
    if content is None:
        np.savez(path, wavelength_nm=AXIS.wavelength_nm)
    else:
        path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"broken\.npz' is neither a cube nor a library: it needs reflectance"
    ):
        load_collections(folder)


def test_names_of_images_are_not_looked_at(folder):
    cube = np.full((3, 4, len(AXIS.wavelength_nm)), 0.3)
    names = np.array(["one name"])
    path = folder / "cubes" / "image.npz"
    np.savez(path, reflectance=cube, wavelength_nm=AXIS.wavelength_nm, names=names)
    (image,) = load_collections(folder)
    assert isinstance(image, Collection)
    assert (image.shape, image.names) == ((3, 4), None)

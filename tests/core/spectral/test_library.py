import os

import numpy as np
import pytest
from osgeo import gdal

from hyperlift.core.errors import SpectralError
from hyperlift.core.spectral import (
    Grid,
    SpectralLibrary,
    grid,
    read_library,
    resample,
    write_library,
)

ENVI_TYPES = {1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 12: "u2", 13: "u4", 14: "i8", 15: "u8"}
WAVELENGTH = np.linspace(400.0, 2400.0, 41)


def library(count=3, wavelength=WAVELENGTH, fwhm=None):
    spectra = np.random.default_rng(0).random((count, len(WAVELENGTH)))
    names = tuple(f"rock {number}" for number in range(count))
    return SpectralLibrary(names, spectra, wavelength, fwhm)


def envi(folder, numbers, byte_order=0, name="lib.sli", header="lib.hdr", **entries):
    """A library as another program writes it: ``numbers`` (n, C) as they are stored."""
    numbers.tofile(folder / name)
    base = {
        "samples": numbers.shape[1],
        "lines": numbers.shape[0],
        "bands": 1,
        "header offset": 0,
        "file type": "ENVI Spectral Library",
        "data type": next(code for code, kind in ENVI_TYPES.items() if kind == numbers.dtype.str[1:]),
        "interleave": "bsq",
        "byte order": byte_order,
    }
    base.update({key.replace("_", " "): value for key, value in entries.items()})
    lines = [f"{key} = {value}" for key, value in base.items() if value is not None]
    (folder / header).write_text("ENVI\n" + "\n".join(lines) + "\n")
    return folder / name


def seen_by_gdal(path):
    """The library as an image of one band: GDAL refuses the file type of libraries, and nothing else."""
    header = path.with_suffix(".hdr")
    text = header.read_text().replace("ENVI Spectral Library", "ENVI Standard")
    image = path.with_name("image.img")
    image.write_bytes(path.read_bytes())
    image.with_suffix(".hdr").write_text(text)
    return gdal.Open(str(image))


def braces(values):
    return "{" + ",\n ".join(str(value) for value in values) + "}"


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("wavelength", [WAVELENGTH, None])
@pytest.mark.parametrize("name", ["lib.sli", "lib.csv", "LIB.SLI"])
def test_what_is_written_is_read_again(tmp_path, name, wavelength):
    written = library(wavelength=wavelength)
    written.spectra[1, 3] = np.nan
    write_library(tmp_path / name, written)
    read = read_library(tmp_path / name)
    assert read.names == written.names
    np.testing.assert_array_equal(read.spectra, written.spectra)
    np.testing.assert_array_equal(read.wavelength_nm, wavelength)
    assert read.fwhm_nm is None


def test_an_envi_library_keeps_widths(tmp_path):
    write_library(tmp_path / "lib.sli", library(fwhm=np.linspace(5, 12, 41)))
    np.testing.assert_array_equal(read_library(tmp_path / "lib.sli").fwhm_nm, np.linspace(5, 12, 41))


def test_gdal_reads_what_is_written(tmp_path):
    written = library(fwhm=np.full(41, 9.5))
    write_library(tmp_path / "lib.sli", written)
    dataset = seen_by_gdal(tmp_path / "lib.sli")
    np.testing.assert_array_equal(dataset.ReadAsArray(), written.spectra)
    items = dataset.GetMetadata("ENVI")
    assert "file type = ENVI Spectral Library\n" in (tmp_path / "lib.hdr").read_text()
    assert items["spectra_names"] == "{rock 0, rock 1, rock 2}"
    assert items["wavelength_units"] == "Nanometers"
    np.testing.assert_array_equal(np.fromstring(items["wavelength"].strip("{}"), sep=","), WAVELENGTH)
    np.testing.assert_array_equal(np.fromstring(items["fwhm"].strip("{}"), sep=","), written.fwhm_nm)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ENVI_TYPES.values())
def test_every_type_and_byte_order_is_read_as_gdal_reads_it(tmp_path, kind, order):
    values = np.arange(1, 16).reshape(3, 5) * (7 if kind == "u1" else 1001)
    values[1] *= -1 if kind[0] != "u" else 1
    numbers = values.astype(kind).astype(order + kind)
    path = envi(tmp_path, numbers, byte_order=int(order == ">"))
    read = read_library(path)
    np.testing.assert_array_equal(read.spectra, values)
    if kind not in ("i8", "u8"):  # which GDAL's driver does not know
        np.testing.assert_array_equal(read.spectra, seen_by_gdal(path).ReadAsArray())


def test_a_header_as_other_programs_write_it(tmp_path):
    numbers = np.array([[1000, 2000, -999], [3000, 4000, 5000]], "<i2")
    path = envi(
        tmp_path,
        numbers,
        header="lib.sli.hdr",
        description="{\n  Library = of {two spectra}",
        reflectance_scale_factor=10000,
        data_ignore_value=-999,
        wavelength_units="Micrometers",
        wavelength=braces([0.45, 0.55, 2.2]),
        fwhm=braces([0.01, 0.011, 0.012]),
        spectra_names="{ Red  soil ,\n Grass}",
        bbl="; a remark",
    )
    text = (tmp_path / "lib.sli.hdr").read_text().replace("wavelength units", "  Wavelength Units ")
    (tmp_path / "lib.sli.hdr").write_bytes(text.replace("\n", "\r\n").encode())
    read = read_library(path)
    assert read.names == ("Red soil", "Grass")
    np.testing.assert_allclose(read.spectra, [[0.1, 0.2, np.nan], [0.3, 0.4, 0.5]])
    np.testing.assert_allclose(read.wavelength_nm, [450, 550, 2200])
    np.testing.assert_allclose(read.fwhm_nm, [10, 11, 12])


def test_numbers_begin_after_the_header_offset(tmp_path):
    numbers = np.arange(6.0).reshape(2, 3)
    path = envi(tmp_path, numbers, header_offset=16)
    path.write_bytes(b"sixteen bytes...".ljust(16) + path.read_bytes())
    np.testing.assert_array_equal(read_library(path).spectra, numbers)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [(None, 1000), ("Unknown", 1000), ("um", 1000), ("µm", 1000), ("nm", 1), ("Nanometers", 1)],
)
def test_units(tmp_path, unit, factor):
    wavelength = np.array([0.4, 0.5, 2.5]) * 1000 / factor
    path = envi(tmp_path, np.ones((1, 3)), wavelength=braces(wavelength), wavelength_units=unit)
    np.testing.assert_allclose(read_library(path).wavelength_nm, [400, 500, 2500])


def test_channels_by_number_are_no_wavelengths(tmp_path):
    path = envi(tmp_path, np.ones((1, 3)), wavelength=braces([1, 2, 3]), wavelength_units="Index")
    assert read_library(path).wavelength_nm is None


def test_names_that_do_not_fit_give_way_to_numbers(tmp_path):
    path = envi(tmp_path, np.ones((2, 3)), spectra_names="{soil, dry, grass}")
    assert read_library(path).names == ("spectrum 1", "spectrum 2")


def test_names_keep_their_places_whatever_they_contain(tmp_path):
    names = ("soil, dry", "a {b}\nc", "Gr\u00fcn = 3")
    for name, expected in (("lib.csv", names), ("lib.sli", ("soil; dry", "a (b) c", "Gr\u00fcn = 3"))):
        write_library(tmp_path / name, SpectralLibrary(names, np.ones((3, 2)), np.array([500.0, 600.0])))
        assert read_library(tmp_path / name).names == expected


def test_deleted_channels_are_nan(tmp_path):
    path = envi(tmp_path, np.array([[-1.23e34, 0.5]], "<f4"))
    np.testing.assert_array_equal(read_library(path).spectra, [[np.nan, 0.5]])


def test_a_table_in_micrometres_with_remarks_and_gaps(tmp_path):
    path = tmp_path / "lib.csv"
    path.write_text(
        "\ufeff# made by hand\nwavelength, soil ,grass\n0.4,0.1,0.2\n\n2.4,,0.3\n", encoding="utf-8"
    )
    read = read_library(path)
    assert read.names == ("soil", "grass")
    np.testing.assert_allclose(read.wavelength_nm, [400, 2400])
    np.testing.assert_array_equal(read.spectra, [[0.1, np.nan], [0.2, 0.3]])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "header line"),
        ("wavelength,soil\n", "header line"),
        ("wavelength,soil\n400,bright\n", "bright"),
        ("wavelength,soil\n400,0.1\n500\n", "no table"),
        ("wavelength,soil\n400,0.1,0.2\n", "no table"),
        ("wavelength;soil\n400,5;0,1\n", "decimal points .* separated by commas or semicolons"),
        ("band,soil\n1,0.1\n2,0.3\n3,0.2\n", "headed 'band', counts 1 to 3 and tells no wavelengths"),
        (",soil\n0,0.1\n1,0.3\n2,0.2\n", "headed '', counts 0 to 2 and tells no wavelengths"),
        ("wavelength\n400\n", "no table"),
        ("wavelength,soil\n-400,0.1\n", "positive wavelength"),
        ("wavelength,soil\n,0.1\n500,0.2\n", "positive wavelength"),
        (
            "soil,water\n0.1,0.3\n0.3,0.2\n0.2,0.1\n",
            "headed 'soil', does not ascend and must hold the wavelengths",
        ),
        ("soil,water\n0.3,0.3\n0.2,0.2\n", "does not ascend"),
        ("soil,water\n0.1,0.3\n0.1,0.2\n", "does not ascend"),
        ("soil,water\n,0.3\n0.1,0.2\n", "does not ascend"),
        ("\x00\xff", "lib.csv"),
    ],
)
def test_a_bad_table_gives_one_error(tmp_path, text, says):
    (tmp_path / "lib.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(SpectralError, match=says):
        read_library(tmp_path / "lib.csv")


def test_semicolons_separate_a_table_as_well(tmp_path):
    text = "# a, b\nwavelength (nm);soil, dry;grass\n400.5;0.1;\n\n650;0.3;0.4\n"
    (tmp_path / "lib.csv").write_text(text, encoding="utf-8")
    read = read_library(tmp_path / "lib.csv")
    assert read.names == ("soil, dry", "grass")
    assert read.wavelength_nm.tolist() == [400.5, 650]
    np.testing.assert_array_equal(read.spectra, [[0.1, 0.3], [np.nan, 0.4]])


def test_names_with_semicolons_do_not_make_a_table_of_semicolons(tmp_path):
    (tmp_path / "lib.csv").write_text("nm,soil; dry,grass\n400,0.1,0.2\n", encoding="utf-8")
    assert read_library(tmp_path / "lib.csv").names == ("soil; dry", "grass")


@pytest.mark.parametrize(
    ("head", "column", "expected"),
    [
        ("wavelength (µm)", [1, 2, 3], [1000, 2000, 3000]),
        ("band", [350, 351, 352], [350, 351, 352]),
        ("channel", [1, 2, 3], None),
    ],
)
def test_a_column_that_counts_holds_wavelengths_where_it_says_so_or_starts_like_them(
    tmp_path, head, column, expected
):
    lines = [f"{head},soil", *(f"{value},0.1" for value in column)]
    (tmp_path / "lib.csv").write_text("\n".join(lines), encoding="utf-8")
    found = read_library(tmp_path / "lib.csv").wavelength_nm
    assert (None if found is None else found.tolist()) == expected


@pytest.mark.parametrize("head", ["wavelength_nm", "Wavelength (um)", "nm", "lambda", "band_nm", "Microns"])
def test_a_column_headed_as_wavelengths_need_not_ascend(tmp_path, head):
    text = f"{head},soil\n650,0.1\n700,0.2\n690,0.3\n"
    (tmp_path / "lib.csv").write_text(text, encoding="utf-8")
    assert read_library(tmp_path / "lib.csv").wavelength_nm.tolist() == [650, 700, 690]


@pytest.mark.parametrize("head", ["", "x", "band", "aluminium"])
def test_a_column_that_ascends_is_one_of_wavelengths_whatever_its_head(tmp_path, head):
    (tmp_path / "lib.csv").write_text(f"{head},soil\n0.65,0.1\n0.7,0.2\n", encoding="utf-8")
    assert read_library(tmp_path / "lib.csv").wavelength_nm == pytest.approx([650, 700])


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"file_type": "ENVI Standard"}, "no header of a spectral library"),
        ({"samples": None}, "samples"),
        ({"samples": "many"}, "many"),
        ({"samples": 0}, "0 samples"),
        ({"lines": 4}, "96 bytes expected, 72 found"),
        ({"lines": 10**12}, "bytes expected"),
        ({"header_offset": 8}, "bytes expected"),
        ({"header_offset": -8}, "offset -8"),
        ({"bands": 3}, "3 bands"),
        ({"data_type": 6}, "type 6"),
        ({"wavelength": "{400, 500}"}, "positive wavelength"),
        ({"wavelength": "{400, red, 500}"}, "red"),
        ({"wavelength": "{400, 500, -600}"}, "positive wavelength"),
        ({"wavelength": "{4, 5, 6}", "wavelength_units": "GHz"}, "GHz"),
    ],
)
def test_a_bad_header_gives_one_error(tmp_path, entries, says):
    path = envi(tmp_path, np.ones((3, 3)), **entries)
    with pytest.raises(SpectralError, match=says):
        read_library(path)


def test_missing_files_and_other_suffixes_give_one_error(tmp_path):
    np.ones((1, 3)).tofile(tmp_path / "lone.sli")
    for name in ("none.sli", "none.csv", "lone.sli"):
        with pytest.raises(SpectralError, match="No such file"):
            read_library(tmp_path / name)
    for name in ("lib.hdr", "lib.xml", "lib"):
        with pytest.raises(SpectralError, match=r"ends in \.sli or \.csv"):
            read_library(tmp_path / name)
        with pytest.raises(SpectralError, match=r"ends in \.sli or \.csv"):
            write_library(tmp_path / name, library())


def test_the_header_of_an_image_is_not_replaced(tmp_path):
    (tmp_path / "scene.hdr").write_text("ENVI\nsamples = 3\nfile type = ENVI Standard\n")
    with pytest.raises(SpectralError, match="another file"):
        write_library(tmp_path / "scene.sli", library())
    assert names_in(tmp_path) == ["scene.hdr"]
    assert "Standard" in (tmp_path / "scene.hdr").read_text()


@pytest.mark.parametrize("name", ["lib.sli", "lib.csv"])
def test_a_library_is_replaced_only_by_a_complete_one(tmp_path, name, monkeypatch):
    write_library(tmp_path / name, library())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(SpectralError, match="No space left"):
            write_library(tmp_path / name, library(5))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    write_library(tmp_path / name, library(5))
    assert len(read_library(tmp_path / name)) == 5
    assert names_in(tmp_path) == sorted(before)


def test_a_second_header_of_a_replaced_library_goes(tmp_path):
    envi(tmp_path, np.ones((1, 3)), header="lib.sli.hdr")
    write_library(tmp_path / "lib.sli", library())
    assert names_in(tmp_path) == ["lib.hdr", "lib.sli"]


def test_a_folder_that_is_not_there(tmp_path):
    for name in ("none/lib.sli", "none/lib.csv"):
        with pytest.raises(SpectralError, match="could not be written"):
            write_library(tmp_path / name, library())


def test_on_its_own_channels_a_library_stays_as_it_is():
    own = library(fwhm=np.full(41, 60.0))
    result = own.on(WAVELENGTH + 0.05, np.full(41, 80.0))
    np.testing.assert_array_equal(result.spectra, own.spectra)
    np.testing.assert_array_equal(result.wavelength_nm, WAVELENGTH + 0.05)
    np.testing.assert_array_equal(result.fwhm_nm, np.full(41, 80.0))


def test_on_other_channels_it_is_resampled():
    fine = np.arange(450.0, 2521.0, 5.0)
    target = grid("aviris172")
    spectra = np.stack([fine / 2500.0, np.exp(-((fine - 1600.0) ** 2) / 2 / 20.0**2)])
    result = SpectralLibrary(("line", "peak"), spectra, fine, np.full(len(fine), 5.0)).on(
        target.wavelength_nm, target.fwhm_nm
    )
    expected = resample(spectra, Grid("fine", fine, np.full(len(fine), 5.0)), target)
    np.testing.assert_allclose(result.spectra, expected)
    np.testing.assert_allclose(result.spectra[0], target.wavelength_nm / 2500.0, atol=1e-4)
    assert result.spectra[1].max() == pytest.approx(20.0 / np.hypot(20.0, 10.0 / 2.355), rel=0.02)


def test_channels_that_are_slightly_shifted_are_resampled():
    spectra = np.stack([WAVELENGTH / 2500.0])
    result = SpectralLibrary(("line",), spectra, WAVELENGTH).on(WAVELENGTH[1:] - 1.0)
    np.testing.assert_allclose(result.spectra[0], (WAVELENGTH[1:] - 1.0) / 2500.0)
    result = SpectralLibrary(("line",), spectra, WAVELENGTH).on(WAVELENGTH + np.linspace(1.0, -1.0, 41))
    np.testing.assert_allclose(result.spectra[0], (WAVELENGTH + np.linspace(1.0, -1.0, 41)) / 2500.0)


def test_unknown_widths_are_the_distances_of_channels():
    spectra = library().spectra
    known = library(fwhm=np.full(41, 50.0)).on(np.arange(450.0, 2301.0, 100.0), np.full(19, 100.0))
    unknown = library().on(np.arange(450.0, 2301.0, 100.0))
    np.testing.assert_allclose(unknown.spectra, known.spectra)
    assert unknown.fwhm_nm is None
    one = SpectralLibrary(("a",), spectra[:1, :2], np.array([800.0, 900.0])).on([850.0])
    assert one.spectra[0, 0] == pytest.approx(spectra[0, :2].mean())


def test_a_library_that_does_not_cover_the_wavelengths_says_which():
    with pytest.raises(SpectralError, match=r"'rock 0'.* 2 of the image's bands, between 2450 and 2500 nm"):
        library().on([500.0, 600.0, 2450.0, 2500.0])


def test_gaps_count_only_where_they_are_asked_for():
    gappy = library()
    gappy.spectra[1, 20:30] = np.nan
    result = gappy.on([510.0, 610.0, 2210.0], [50.0, 50.0, 50.0])
    whole = library().on([510.0, 610.0, 2210.0], [50.0, 50.0, 50.0])
    np.testing.assert_allclose(result.spectra, whole.spectra)
    with pytest.raises(SpectralError, match=r"'rock 1'.* 1 of the image's bands, at 1610 nm;"):
        gappy.on([510.0, 1610.0])
    gappy.spectra[1] = np.nan
    with pytest.raises(SpectralError, match=r"'rock 1'"):
        gappy.on([510.0, 1610.0])


def test_without_wavelengths_the_numbers_of_channels_must_agree():
    bare = library(wavelength=None)
    np.testing.assert_array_equal(bare.on(WAVELENGTH + 7.0).spectra, bare.spectra)
    np.testing.assert_array_equal(bare.on(WAVELENGTH + 7.0).wavelength_nm, WAVELENGTH + 7.0)
    with pytest.raises(SpectralError, match="no wavelengths and 41 channels, 40 are asked for"):
        bare.on(WAVELENGTH[1:])


def test_parts_that_do_not_fit_are_refused():
    for names, spectra, wavelength in (
        (("a",), np.ones((2, 3)), None),
        ((), np.ones((0, 3)), None),
        (("a",), np.ones((1, 0)), None),
        (("a",), np.ones((1, 3)), np.ones(2)),
        (("a",), np.ones((1, 2)), np.array([400.0, np.nan])),
    ):
        with pytest.raises(SpectralError, match="spectral library"):
            SpectralLibrary(names, spectra, wavelength)


def test_a_round_trip_of_real_spectra(shared_data, tmp_path):
    with np.load(shared_data / "libraries" / "klum_urban.npz") as file:
        wavelength, spectra = file["wavelength_nm"].astype(float), file["spectra"][:20].astype(float)
    names = tuple(f"surface {number}" for number in range(len(spectra)))
    for name in ("klum.sli", "klum.csv"):
        write_library(tmp_path / name, SpectralLibrary(names, spectra, wavelength))
        np.testing.assert_array_equal(read_library(tmp_path / name).spectra, spectra)

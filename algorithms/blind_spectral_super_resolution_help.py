"""The help of blind spectral super-resolution: the page beside the dialog and a text for each parameter."""

PAGE = """
<p>Estimates a hyperspectral image from an image of 3 to 12 bands of a camera whose spectral responses
nobody has measured (a drone's, an unknown satellite's), and the responses with it: the spectral
transformation function (STF).</p>

<h3>How to use it</h3>
<p>Choose a raster of reflectance and, if you know them at all, give the nominal centres of its bands in nm:
they narrow the choice more than anything else. If the raster states the wavelengths of all of its bands,
these are taken. Bands beyond the wavelengths of the result, thermal ones and panchromatic ones are to be
left out (<i>Bands</i>). The grid of the result should not reach far beyond the bands: from visible bands
alone the short-wave infrared is a guess.</p>
<p>The responses are estimated once for the whole scene, on nine windows spread over it, or once for each
class of a map of land cover on the same pixels.</p>

<h3>The result</h3>
<p>A tiled GeoTIFF of reflectance with a wavelength on every band, a table of the responses (wavelengths in
nm and one column for each band) and a page with the curves, their confidence and how well the result gives
the input back.</p>

<h3>What to trust</h3>
<ul>
<li>One scene does not determine the responses: many pairs of an image and a response explain it, and a good
fit proves neither. With nominal centres, centres are good to a few nm; widths then mainly come from known
cameras with bands near by. Without, expect centres to be wrong by tens of nm, and bands to be
exchanged.</li>
<li>The result is an estimate as that of any spectral super-resolution; what no band sees is filled in with
what land is usually like.</li>
<li>Raw counts of a camera are not reflectance. Convert them first (panel or empirical line), or the
responses take up what is wrong with the light.</li>
</ul>

<h3>Reference</h3>
<p>PGU-Net: blind cross-sensor spectral super-resolution by an unrolled network with a proximal step for the
image and one for the response. HyperLift implements and trains it on its own, and starts it from the
statistics of real spectra.</p>
"""

PARAMETERS = {
    "INPUT": "A file on disk with 3 to 12 bands on one grid of pixels, as reflectance or digital numbers.",
    "CENTRES": "Nominal centres of the bands in nm, in their order, separated by commas, such as 450, 560, "
    "650, 730, 840. Leave empty if they are unknown or the raster states them. Known ones, either "
    "way, may be off by some nm; what the search makes of them is held from there on.",
    "CLASSES": "A raster of whole numbers in one band on the same pixels. Each class of 50 or more pixels in "
    "the sample gets a response of its own; the others that of the scene.",
    "GRID": "Wavelengths of the result: aviris172 (0.46 to 2.43 micrometres, 172 bands), vnir (400 to 1000 "
    "nm, 61 bands) or visible31 (400 to 700 nm, 31 bands).",
    "BANDS": "Numbers of the bands to use, separated by commas. Leave empty for all.",
    "SCALE": "Reflectance = number * scale + offset. Leave empty to take it from the file or recognise it.",
    "OFFSET": "Reflectance of the number 0. Leave empty to take it from the file.",
    "EXTENT": "Lift only this part, given in any coordinate reference system; every pixel that it touches is "
    "taken. Leave empty for the whole image.",
    "DEVICE": "Where the network runs: auto takes a graphics card that the installed onnxruntime can use, "
    "and otherwise the processor. The log and the output DEVICE_USED say which it was.",
    "TILE_SIZE": "Side in pixels of the squares that are lifted one at a time, rounded to a multiple of 16. "
    "Smaller ones need less memory; the result is the same. Leave empty for the model's own.",
    "DATA_TYPE": "int16 stores reflectance in steps of 0.0001; float32 stores it in full and takes twice the "
    "space.",
    "OUTPUT": "GeoTIFF of reflectance with a wavelength on every band.",
    "STF": "Table (.csv) of the responses: wavelengths in nm, and one column of shares for each band.",
    "REPORT": "A page with the curves of the responses, how certain they are and how well they fit.",
}

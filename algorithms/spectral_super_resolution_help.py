"""The help of spectral super-resolution: the page beside the dialog and a text for each parameter."""

PAGE = """
<p>Estimates a hyperspectral image from a Sentinel-2 image: twelve bands become 172 narrow bands between 0.46
and 2.4 micrometres (those of the airborne spectrometer AVIRIS without the ones that water vapour blocks), on
the same pixels. The model <i>ualnet</i> gives 186 bands from 0.41 micrometres on, on pixels of half the size.
Input and output are reflectance.</p>

<h3>How to use it</h3>
<p>Choose a raster with the bands B1, B2, B3, B4, B5, B6, B7, B8, B8A, B9, B11 and B12 on one grid of pixels:
a GeoTIFF, a virtual raster or any file that GDAL reads. Their order does not matter when the bands have names
(B2, B8A) or wavelengths; otherwise give their numbers. Stacks without B1 and B9 are accepted: the missing two
are estimated from the others, and the log says so. Surface reflectance (level 2A) is what the model was
trained on. Pixels that are nodata in any of these bands are nodata in the
result.</p>
<p>Whether the file holds reflectance (0 to 1) or digital numbers (0 to 10000) is recognised, and the log
states the scale and the offset in use. Products of processing baseline 04.00 and later carry an offset of
-1000 digital numbers (-0.1 reflectance) in their metadata, which many tools drop when they stack bands: if
the log states an offset of 0 and dark water comes out near 0.1, set the offset.</p>

<h3>The result</h3>
<p>A tiled GeoTIFF with a wavelength in nm on every band, stored as whole numbers with a scale of 0.0001 that
QGIS and GDAL apply, shown in natural colours between 0 and 0.3 reflectance. Count on 350 bytes for each pixel
before compression: 41 GB for 10980 x 10980 pixels, and four times as much with ualnet. Memory does not grow
with the scene. A cancelled run leaves no file behind.</p>

<h3>What to trust</h3>
<ul>
<li>The result is an estimate. Seen again through the responses of Sentinel-2 it should give the input back;
the <i>consistency</i> in the log is the median difference, and more than 0.01 means that something is wrong
with the bands, the scale or the offset, or that the scene is unlike the training. Less proves nothing:
bands in a wrong order can be given back as well.</li>
<li>Between the Sentinel-2 bands the network fills in what the spectra of its training were like. Broad shapes
are dependable; narrow absorption features that no Sentinel-2 band sees (of most minerals, single pigments or
gases) are not measured by it.</li>
<li>Clouds, cloud shadows, sun glint, snow and top-of-atmosphere reflectance lie outside its training.</li>
<li>Sentinel-2 sees B1 and B9 in pixels of 60 m and six other bands in pixels of 20 m: spectra of objects
smaller than that are mixtures with their surroundings.</li>
</ul>

<h3>Reference</h3>
<p>C.-H. Lin, Z.-C. Leng: ExplainS2A: Explainable Spectral-Spatial Duality Model for Fast Transforming
Sentinel-2 Image to AVIRIS-Level Hyperspectral Image. 2026,
<a href="https://arxiv.org/abs/2604.19007">arXiv:2604.19007</a>. HyperLift implements and trains the network
on its own, and likewise UALNet, an unfolding that a discriminator steers.</p>
"""

PARAMETERS = {
    "INPUT": "A file on disk with the twelve bands B1 to B12 without B10 on one grid of pixels (or ten, "
    "without B1 and B9), as reflectance or digital numbers.",
    "MODEL": "The network that comes with HyperLift: explains2a gives 172 bands on the pixels of the input, "
    "ualnet 186 bands on pixels of half their size.",
    "MODEL_FILE": "A model of your own, exported by HyperLift's training (.onnx); used instead of Model.",
    "BANDS": "Numbers of the bands that hold B1, B2, B3, B4, B5, B6, B7, B8, B8A, B9, B11 and B12, in "
    "this order, separated by commas: 1,2,3,4,5,6,7,8,9,10,11,12. Leave empty to recognise them by names or "
    "wavelengths.",
    "SCALE": "Reflectance = number * scale + offset. Sentinel-2 products have the scale 0.0001; a file of "
    "reflectance has 1. Leave empty to take it from the file or recognise it.",
    "OFFSET": "-0.1 for Sentinel-2 products of processing baseline 04.00 and later whose offset was not "
    "removed, otherwise 0. Leave empty to take it from the file.",
    "EXTENT": "Lift only this part, given in any coordinate reference system; every pixel that it touches is "
    "taken. Leave empty for the whole image.",
    "DEVICE": "Where the network runs: auto takes a graphics card that the installed onnxruntime can use, "
    "and otherwise the processor. The log and the output DEVICE_USED say which it was.",
    "TILE_SIZE": "Side in pixels of the squares that are lifted one at a time, rounded to a multiple of 16. "
    "Smaller ones need less memory; the result is the same. Leave empty for the model's own.",
    "DATA_TYPE": "int16 stores reflectance in steps of 0.0001; float32 stores it in full and takes twice the "
    "space.",
    "OUTPUT": "GeoTIFF of reflectance with a wavelength on every band.",
    "REPORT": "A page that states what went in, what was recognised and how consistent the result is.",
}

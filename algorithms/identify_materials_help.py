"""The help of the identification of materials."""

from .unmixing_help import REPORT_HELP

IDENTIFY_PAGE = """
<p>Finds the spectra of a library that other spectra are most like: those of another library (endmembers of
<i>Blind source separation</i> or <i>Extract endmembers</i>, pins of the spectrum dock) or those of all
pixels of an image.</p>

<h3>The scores</h3>
<ul>
<li><b>angle</b>: the spectral angle in degrees, 0 for the same shape. It does not depend on
brightness.</li>
<li><b>correlation</b>: of the spectra over their continua (convex hulls), 1 for absorptions of the same
places and shapes. Spectra without absorptions have none.</li>
</ul>
<p>The method says which of the two decides; both are always given. The library is put on the wavelengths of
the input. Spectra that cover less than half of them are not compared.</p>

<h3>The result</h3>
<p>A table. Of a library: the closest materials of each spectrum. Of an image: how many pixels are closest
to each material, with their mean scores, and a map if one is asked for: number of the material (from 1, as
in the library), angle and correlation.</p>

<h3>What to trust</h3>
<p>Something is always the closest. The log calls an angle above 10 degrees, or a correlation below 0.8 where
that decides, no good match. Compare the scores with those of the next ones, and look at the spectra
in the dock. Of images that a network lifted, narrow absorptions are estimates: do not identify minerals by
them.</p>

<h3>References</h3>
<p>F. A. Kruse and others: The Spectral Image Processing System (SIPS). RSE, 1993. R. N. Clark, T. L. Roush:
Reflectance Spectroscopy. JGR, 1984.</p>
"""

IDENTIFY_PARAMETERS = {
    "INPUT": "A raster on disk, or the file of a spectral library (.sli with its header, .csv, .asd, .txt).",
    "LIBRARY": "Spectra of known materials: an ENVI spectral library (.sli with its header .hdr), a table "
    "(.csv: wavelengths in the first column, then one column for each spectrum), or a spectrum of ASD or "
    "ECOSTRESS.",
    "METHOD": "angle: the shape of the whole spectrum; correlation: its absorptions.",
    "COUNT": "How many materials to list for each spectrum of a library, and of an image in the log.",
    "OUTPUT": "A table of materials and scores (.csv).",
    "OUTPUT_MAP": "Of an image: GeoTIFF of each pixel's closest material, the angle and the correlation.",
    "REPORT": REPORT_HELP,
}

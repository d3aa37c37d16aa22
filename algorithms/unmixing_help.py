"""The help of the unmixing algorithms: the pages beside the dialogs and a text for each parameter."""

_IMAGE = (
    "A file on disk, as a rule hyperspectral. Reflectance is used where the file states scale and offset, "
    "else the numbers as they are; bands that its list of bad bands (bbl) marks are left out."
)
_SEED = "Runs with the same seed give the same result."
REPORT_HELP = "A page with pictures of what was found (they need the Python package matplotlib)."
_LIBRARY = (
    "The spectra with the image's wavelengths: an ENVI spectral library (.sli, with its header .hdr beside "
    "it) or a table (.csv)."
)
_OUTPUT = "GeoTIFF with one band for each endmember, named after it, in shares of 1."
_RMSE = (
    "GeoTIFF of what the mixtures leave over in each pixel: the root mean square over the bands, in the unit "
    "of the image."
)

COUNT_PAGE = """
<p>Tells how many endmembers (pure spectra: materials) the pixels of an image are mixtures of.</p>

<h3>Methods</h3>
<ul>
<li><b>mdl</b>, minimum description length, tries every number between the least and the greatest and takes
the one with which the pixels can be written down in the fewest words. It looks at how the pixels fill the
simplex of the mixtures, not at variances alone, and takes the longest: up to 20,000 random pixels are looked
at.</li>
<li><b>hysime</b> and <b>hfc</b> count the directions in which the signal exceeds the noise. They are fast and
need many bands. What they find is kept between the least and the greatest number.</li>
</ul>

<h3>What to trust</h3>
<p>All of them take a pixel to be a sum of spectra by their shares. Shadows, varying brightness and light
that is scattered twice look like further endmembers. Look at the scores: where they hardly change around the
best number, its neighbours explain the image as well.</p>

<h3>References</h3>
<p>C.-H. Lin, C.-Y. Chi, L. Chen, D. J. Miller, Y. Wang: Detection of Sources in Non-Negative Blind Source
Separation by Minimum Description Length Criterion. IEEE TNNLS, 2018. J. M. Bioucas-Dias, J. M. P. Nascimento:
Hyperspectral Subspace Identification. IEEE TGRS, 2008. C.-I Chang, Q. Du: Estimation of Number of Spectrally
Distinct Signal Sources in Hyperspectral Imagery. IEEE TGRS, 2004.</p>
"""

COUNT_PARAMETERS = {
    "INPUT": _IMAGE,
    "METHOD": "mdl: the shortest description; hysime, hfc: directions in which signal exceeds noise.",
    "MINIMUM": "The least number of endmembers that comes into question.",
    "MAXIMUM": "The greatest number of endmembers that comes into question; mdl needs as many bands.",
    "SEED": f"Of the pixels and draws of mdl. {_SEED}",
    "CURVE": "A table with the score of every number that was tried.",
    "REPORT": REPORT_HELP,
}

EXTRACT_PAGE = """
<p>Finds the endmembers of an image: the pure spectra that its pixels are mixtures of.</p>

<h3>Methods</h3>
<ul>
<li><b>vca</b>, vertex component analysis, takes the purest pixels there are. It is the method for most
images.</li>
<li><b>minimum_volume</b> fits the smallest simplex around the pixels. It finds spectra that no pixel shows
pure, provided that the mixing is linear and the noise is even; where brightness varies its spectra lie too
far out.</li>
</ul>

<h3>The result</h3>
<p>A spectral library and, if asked for, points in the middle of the endmembers' pixels with the number and
name of the endmember, the pixel's row and column (from 0) and its position in the order of all pixels. Of
minimum_volume they are the pixels most like the spectra. Look at the places on the map: they tell what
material an endmember is, or that it is a damaged pixel. The log names those at the image's edge and those
more than 10 degrees (spectral angle) from the mean of the pixels around them.</p>

<h3>Reference</h3>
<p>J. M. P. Nascimento, J. M. Bioucas-Dias: Vertex Component Analysis: A Fast Algorithm to Unmix Hyperspectral
Data. IEEE TGRS, 2005.</p>
"""

EXTRACT_PARAMETERS = {
    "INPUT": _IMAGE,
    "COUNT": "How many endmembers to find; at least 2, at most as many as the image has bands (one more for "
    "minimum_volume).",
    "METHOD": "vca: the purest pixels; minimum_volume: the smallest simplex around the pixels.",
    "SEED": f"Of the random directions. {_SEED}",
    "LIBRARY": _LIBRARY,
    "POINTS": "The pixels of the endmembers as points in the coordinate reference system of the image.",
}

ABUNDANCES_PAGE = """
<p>Maps how much of each spectrum of a library is in every pixel of an image (its abundance), by least
squares.</p>

<h3>How to use it</h3>
<p>Choose an image and a library of the materials in it: one that <i>Extract endmembers</i> wrote, or one of
field or laboratory spectra. Its spectra are put on the wavelengths of the image, and bands that one of them
does not cover are left out as long as half of the bands remain; both must be in the same unit, as a rule
reflectance from 0 to 1. A library without wavelengths needs as many channels as the image has bands.</p>

<h3>Methods</h3>
<ul>
<li><b>fcls</b>: abundances are not negative and sum to one.</li>
<li><b>nnls</b>: not negative; their sum follows the brightness of the pixel.</li>
<li><b>scls</b>: sum to one.</li>
<li><b>ucls</b>: no constraint. Clearly negative abundances show that the library does not fit.</li>
</ul>

<h3>The result</h3>
<p>A GeoTIFF with a band for each spectrum, named after it; of three and more the first three are shown as
red, green and blue. Nodata stays nodata. The residual shows where the library does not explain the image.</p>

<h3>Reference</h3>
<p>D. C. Heinz, C.-I Chang: Fully Constrained Least Squares Linear Spectral Mixture Analysis Method for
Material Quantification in Hyperspectral Imagery. IEEE TGRS, 2001.</p>
"""

ABUNDANCES_PARAMETERS = {
    "INPUT": _IMAGE,
    "LIBRARY": "An ENVI spectral library (.sli with its header .hdr) or a table (.csv: wavelengths in the "
    "first column, then one column for each spectrum). The spectrum dock exports pins as either.",
    "METHOD": "fcls: not negative, sum to one; nnls: not negative; scls: sum to one; ucls: no constraint.",
    "OUTPUT": _OUTPUT,
    "OUTPUT_RMSE": _RMSE,
}

SEPARATION_PAGE = """
<p>Takes an image apart without knowing its materials: how many there are (minimum description length), their
spectra (vertex component analysis) and how much of each is in every pixel (fully constrained least squares).
The separate algorithms of this group do the same step by step, with more choices.</p>

<h3>The result</h3>
<p>A GeoTIFF of abundances with one band for each endmember, a library of their spectra and, if asked for, the
residual and a report: the spectra, the places of the purest pixels, the maps, and where the mixtures do not
explain the image.</p>

<h3>Is the lifted image better than the twelve bands?</h3>
<p>Give the image before its lifting as the image to compare with: it is taken apart in the same way, and the
report sets spectra, maps and residuals of both side by side. The model <i>Lift and separate</i> does so. In
the report, integers whose file states no scale are taken for reflectance times 10,000.</p>

<h3>What to trust</h3>
<p>Endmembers have numbers, not names: their spectra and places tell what they are. Pixels are taken to be
sums of spectra by their shares; shadows and varying brightness may come out as endmembers of their own. Of
an image that a network has lifted, the spectra are estimates, and taking it apart adds no knowledge of narrow
absorptions that the sensor did not see.</p>

<h3>References</h3>
<p>C.-H. Lin and others, IEEE TNNLS, 2018 (number); J. M. P. Nascimento, J. M. Bioucas-Dias, IEEE TGRS, 2005
(spectra); D. C. Heinz, C.-I Chang, IEEE TGRS, 2001 (abundances).</p>
"""

SEPARATION_PARAMETERS = {
    "INPUT": _IMAGE,
    "COUNT": "How many endmembers the image has; 0 estimates the number, from 2 to 10, which takes most of "
    "the time.",
    "SEED": f"Of all random numbers. {_SEED}",
    "COMPARISON": "Another image of the same pixels, such as the multispectral image that the first was "
    "lifted from. It is taken apart likewise, and the report compares the two.",
    "OUTPUT": _OUTPUT,
    "OUTPUT_RMSE": _RMSE,
    "LIBRARY": _LIBRARY,
    "REPORT": REPORT_HELP,
}

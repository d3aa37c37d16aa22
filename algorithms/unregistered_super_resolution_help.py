"""The help of unregistered super-resolution: the page beside the dialog and a text for each parameter."""

PAGE = """
<p>Sharpens a hyperspectral image 4, 8 or 16 times with a photograph of the same ground that need not line up
with it: a picture from a drone or an aeroplane, an orthophoto, a screenshot of a map. Every band of the image
comes out on the finer pixels.</p>

<h3>How to use it</h3>
<p>Choose the hyperspectral image, with any number of bands, and the photograph with its red, green and blue
bands, of any size. If both are georeferenced, in whatever coordinate systems, the photograph is laid over
the image by that; otherwise its extent is taken as that of the image, and the log says so. From there its
place is searched for within 12 degrees of rotation, a quarter of scale and 24 pixels of the result, or 15 %
of the image if that is more. Brightness, contrast (also an inverted one) and colours of the photograph do
not matter; black borders of it count as no data.</p>
<p>Integers without a stated scale are taken as reflectance times 10000. Pixels that are nodata in the image
are nodata in the result. Beyond the edges of the photograph the result is the image resampled.</p>

<h3>How it works</h3>
<p>The spectra of the image are unmixed into three abundances, once for the whole image. The photograph is
registered with them by what both say of each other (mutual information), its detail is brought into their
terms by regressions in the neighbourhood of each pixel, and the network UAFL, which aligns features once
more, corrects what comes of it.</p>

<h3>What to trust</h3>
<ul>
<li>When no place is found at which the photograph shows what the image shows, it is not used: the log warns,
the output CONFIDENCE is 0, and the result is the image resampled. Small images (fewer than some 20 pixels
along a side) often cannot be told apart with certainty.</li>
<li>The output OFFSET says by how many pixels of the result the photograph was off; UNRELIABLE is the share of
the result at which it counts for less than a half, and the confidence map shows where.</li>
<li>Detail comes from three visible bands: what differs only in the infrared is not sharpened, and things that
were elsewhere when the photograph was taken leave traces.</li>
</ul>

<h3>Reference</h3>
<p>The network is an implementation and training of UAFL, an unregistered hyperspectral super-resolution
network with unmixing, coarse-to-fine deformable aggregation and spatial-channel abundance cross-attention, by
HyperLift.</p>
"""

PARAMETERS = {
    "INPUT": "The hyperspectral image to sharpen, a file on disk with any number of bands.",
    "REFERENCE": "A photograph of the same ground with red, green and blue as its first three bands, or with "
    "one band; any size, with or without a georeference.",
    "SCALE": "How many pixels of the result lie along each side of a pixel of the image.",
    "DEVICE": "Where the network runs: auto takes a graphics card that the installed onnxruntime can use, "
    "and otherwise the processor. The log and the output DEVICE_USED say which it was.",
    "DATA_TYPE": "auto stores reflectance as int16 in steps of 0.0001 when the image holds integers and "
    "nothing brighter than 2.6, and float32 otherwise.",
    "OUTPUT": "GeoTIFF with every band of the image on the finer pixels.",
    "OUTPUT_CONFIDENCE": "GeoTIFF of how far the photograph was trusted at each pixel, 0 to 1.",
    "REPORT": "A page that states what went in, where the photograph lies and how far it was trusted.",
}

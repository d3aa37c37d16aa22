"""HyperLift: from multispectral to hyperspectral images, and apart into materials."""


def classFactory(iface: object) -> object:  # noqa: N802 (QGIS asks for this name)
    """Return the plugin; QGIS calls this when it loads the package."""
    from .plugin import HyperLiftPlugin

    return HyperLiftPlugin(iface)

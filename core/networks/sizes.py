"""What networks ask of the size of images, known without torch."""

UAFL_MULTIPLE = 32  # of which height and width must be: windows of 8 at a quarter of the size

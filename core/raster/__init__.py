"""Blocks in, blocks out: pixels travel with their mask, georeference and wavelengths."""

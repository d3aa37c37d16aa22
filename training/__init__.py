"""Offline training: data, networks' tasks, export and evaluation. Needs torch, Lightning and rasterio."""

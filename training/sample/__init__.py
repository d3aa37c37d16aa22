"""The bundled sample scene, an invented landscape."""

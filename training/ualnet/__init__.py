"""Training, export and evaluation of UALNet."""

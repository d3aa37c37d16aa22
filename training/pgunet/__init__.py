"""PGU-Net: responses to train on, configurations, task, export, evaluation."""

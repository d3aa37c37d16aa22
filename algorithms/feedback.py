"""The scene runner's monitor over QGIS's feedback: log, progress bar and the button that cancels."""

from __future__ import annotations

from qgis.core import QgsProcessingFeedback


class FeedbackMonitor:
    """A :class:`~hyperlift.core.inference.report.Monitor` that speaks to Processing."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self.feedback = feedback

    def progress(self, fraction: float) -> None:
        """Move the progress bar."""
        self.feedback.setProgress(100.0 * fraction)

    def cancelled(self) -> bool:
        """Whether the user pressed Cancel."""
        return self.feedback.isCanceled()

    def info(self, text: str) -> None:
        """A line in the log."""
        self.feedback.pushInfo(text)

    def warning(self, text: str) -> None:
        """A line in the log that stands out."""
        self.feedback.pushWarning(text)

"""What the engine sends."""

from typing import Protocol

from edge.vocabulary.dialing import AttemptOrder, PreviewClosing, PreviewOffer
from edge.vocabulary.site_events import SiteEvent


class Port(Protocol):
    """What the engine sends; the shell carries it to the link."""

    @property
    def connected(self) -> bool:
        """Whether switch is there."""

    def order(self, order: AttemptOrder) -> None:
        """Ask switch for a call."""

    def offer(self, offer: PreviewOffer) -> None:
        """Have an agent kept for a contact."""

    def over(self, closing: PreviewClosing) -> None:
        """Have the end of a preview told."""

    def taken(self, results: list[str]) -> None:
        """Tell switch which results are kept."""

    def query(self, attempts: list[str]) -> None:
        """Ask switch what has become of attempts."""

    def notice(self, event: SiteEvent) -> None:
        """Have switch store an event."""

    def health(self, condition: str, text: str) -> None:
        """Tell the supervisor what is wrong; an empty text: nothing is any more."""

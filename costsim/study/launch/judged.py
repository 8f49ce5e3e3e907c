"""What results that a gate judges have in common: verdict, exit code, card, files for a build."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from costsim.study.launch.gate import GateLine, Verdict, worst

if TYPE_CHECKING:
    from costsim.show.cards import Card, Level, Ribbon

EXIT_CODES: Final = {"PASS": 0, "NO GATE": 0, "FAIL": 1, "UNDECIDED": 3}
LEVELS: Final[dict[str, Level]] = {
    "PASS": "ok", "FAIL": "bad", "UNDECIDED": "warn", "NO GATE": "info",
}  # fmt: skip


class Judged(ABC):
    """A result with a headline, notes and a ribbon, judged by the lines of a gate or by none."""

    NEXT: ClassVar[str]
    """What a card names as next steps."""

    @property
    @abstractmethod
    def lines(self) -> Sequence[GateLine]:
        """Each requirement of the gate, judged; empty without one."""

    @property
    @abstractmethod
    def headline(self) -> str:
        """The verdict in a sentence."""

    @property
    @abstractmethod
    def notes(self) -> list[str]:
        """What a reader must know beside the headline, a sentence each."""

    @property
    @abstractmethod
    def ribbon(self) -> Ribbon:
        """What the numbers stand on."""

    @property
    @abstractmethod
    def subject(self) -> str:
        """What is judged, in a few words, for a build."""

    @property
    def verdict(self) -> Verdict | Literal["NO GATE"]:
        """FAIL, UNDECIDED or PASS of the gate as a whole."""
        return worst(self.lines) if self.lines else "NO GATE"

    @property
    def exit_code(self) -> int:
        """0 for PASS or no gate, 1 for FAIL, 3 for UNDECIDED."""
        return EXIT_CODES[self.verdict]

    @property
    def card(self) -> Card:
        """The verdict card."""
        from costsim.show.cards import Card

        lines = (*(line.words for line in self.lines), *self.notes)
        return Card(self.headline, lines, self.ribbon, LEVELS[self.verdict], self.NEXT)

    def markdown(self) -> str:
        """The verdict for a pull request."""
        from costsim.study.launch.gate_formats import gate_markdown

        return gate_markdown(self.headline, self.lines, self.notes, self.ribbon)

    def junit(self) -> str:
        """The gate's verdict as JUnit XML, for CI."""
        from costsim.study.launch.gate_formats import gate_junit

        return gate_junit(self.subject, self.lines)

    def _repr_html_(self) -> str:
        return self.card._repr_html_()

"""A path: steps along the arrows of a table, from START on, with what each has shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from authfsm.checks.proofs import NOTHING, ProofState
from authfsm.core.history import Step
from authfsm.protocol.nodes import Node
from authfsm.protocol.states import State
from authfsm.protocol.table import LOOP_KIND_OF_ACTION, Role, Transition

if TYPE_CHECKING:
    from authfsm.diagrams import Diagram


@frozen(cache_hash=True)
class Position:
    """Where a path stands.

    Args:
        node: the state, with its role.
        proved: what has been shown on the way.
    """

    node: Node
    proved: ProofState = NOTHING

    @property
    def state(self) -> State:
        """The state."""
        return self.node.state

    @property
    def role(self) -> Role | None:
        """Which factor the code is, for EMAIL_OTP; else None."""
        return self.node.role

    @property
    def name(self) -> str:
        """The state's name; of EMAIL_OTP, the role too."""
        return self.node.name


AT_START: Final = Position(Node(State.START))

_RULINGS: Final = {kind: action for action, kind in LOOP_KIND_OF_ACTION.items()}


@frozen
class Move:
    """One arrow of a path.

    Args:
        arrow: the arrow.
        to: where it leads.
    """

    arrow: Transition
    to: Position


@frozen
class Path:
    """Steps along the arrows of a table, from START on.

    Args:
        moves: the steps, in their order.
    """

    moves: tuple[Move, ...] = ()

    def __len__(self) -> int:
        return len(self.moves)

    def __iter__(self) -> Iterator[Move]:
        return iter(self.moves)

    def __str__(self) -> str:
        return "".join(
            [
                str(State.START),
                *(f" -{move.arrow.response.trigger}-> {move.to.name}" for move in self.moves),
            ]
        )

    def then(self, move: Move) -> Path:
        """The path, and one step more."""
        return Path((*self.moves, move))

    @property
    def end(self) -> Position:
        """Where it stands."""
        return self.moves[-1].to if self.moves else AT_START

    @property
    def proved(self) -> ProofState:
        """What it has shown."""
        return self.end.proved

    @property
    def states(self) -> tuple[State, ...]:
        """The states it comes through, START among them."""
        return (State.START, *(move.to.state for move in self.moves))

    @property
    def arrows(self) -> tuple[Transition, ...]:
        """The arrows it goes along."""
        return tuple(move.arrow for move in self.moves)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The path as the history of a sign-in, for `authfsm.diagram(history=...)`."""
        return tuple(
            Step(
                number,
                move.arrow.source,
                move.arrow.response,
                move.arrow.dest,
                role=move.to.role,
                action=_RULINGS.get(move.arrow.kind) if move.arrow.kind else None,
            )
            for number, move in enumerate(self.moves, 1)
        )

    def diagram(self, **options: Any) -> Diagram:
        """The path on the protocol's picture.

        Args:
            options: of `authfsm.diagram`.
        """
        from authfsm.diagrams import diagram  # noqa: PLC0415 - only who draws waits for it

        return diagram(history=self.steps, **options)

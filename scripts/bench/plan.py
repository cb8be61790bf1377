"""How much is measured."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Plan:
    """One run of the benchmark.

    Args:
        rounds: how often each turn is taken.
        seconds: of one turn over HTTP; an engine's turn takes half of it, and at least two batches.
        batches: images that an engine takes at once.
        clients: of the closed loops.
        peer_clients: those of them at which the peers, and this project in float32, are measured.
        pairs: of neighbouring turns in a round: 16 clients and the best engine alone.
        shares: rates of the open loops, as shares of the highest rate of a closed loop.
        megapixels: sizes of the enlarged images.
        warm_up: seconds before anything counts.
        starts: how often the server is started to time it.
    """

    rounds: int = 3
    seconds: float = 4.0
    batches: tuple[int, ...] = (1, 2, 4, 8, 16)
    clients: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    peer_clients: tuple[int, ...] = (1, 16)
    pairs: int = 6
    shares: tuple[float, ...] = (0.5, 0.7, 0.9)
    megapixels: tuple[float, ...] = (1, 3, 12, 24, 48)
    warm_up: float = 10.0
    starts: int = 3


QUICK = Plan(
    rounds=2, seconds=2.0, clients=(1, 4, 16), pairs=3, shares=(0.7,), megapixels=(3, 12), warm_up=5.0, starts=1
)


def plan(*, quick: bool, rounds: int | None) -> Plan:
    """Return the whole plan or the quick one, with another number of rounds where one is given."""
    chosen = QUICK if quick else Plan()
    return replace(chosen, rounds=rounds) if rounds else chosen

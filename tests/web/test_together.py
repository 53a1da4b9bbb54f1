"""Work that many want is done once for all of them, and begins when all have asked."""

import asyncio
from collections.abc import Awaitable, Callable

from jobs.web.together import Together, Turns


class Gate:
    """Work that lasts until it is let go, and counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.is_begun = asyncio.Event()
        self.open = asyncio.Event()

    async def work(self) -> int:
        self.begun += 1
        number = self.begun
        self.is_begun.set()
        await self.open.wait()
        return number


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await test()

    asyncio.run(main())


def test_who_asks_while_work_is_under_way_shares_the_next_one() -> None:
    async def test() -> None:
        together, gate = Together[int](), Gate()
        first = together.result("page", gate.work)
        await gate.is_begun.wait()
        late = [together.result("page", gate.work) for _ in range(50)]
        await asyncio.sleep(0)
        gate.open.set()
        assert await first == 1
        assert await asyncio.gather(*late) == [2] * 50
        assert gate.begun == 2

    run(test)


def test_other_work_is_done_beside_it() -> None:
    async def test() -> None:
        together, gates = Together[int](), (Gate(), Gate())
        asked = [together.result(number, gate.work) for number, gate in enumerate(gates)]
        for gate in gates:
            await gate.is_begun.wait()
        for gate in gates:
            gate.open.set()
        assert await asyncio.gather(*asked) == [1, 1]

    run(test)


def test_who_leaves_takes_nothing_from_the_others() -> None:
    async def test() -> None:
        together, gate = Together[int](), Gate()
        leaving, staying = (together.result("page", gate.work) for _ in range(2))
        await gate.is_begun.wait()
        leaving.cancel()
        gate.open.set()
        assert await staying == 1

    run(test)


def test_work_that_fails_gives_nothing_and_is_done_again_for_the_next() -> None:
    async def test() -> None:
        together = Together[int]()

        async def fails() -> int:
            raise OSError("no")

        async def works() -> int:
            return 7

        assert await together.result("page", fails) is None
        assert await together.result("page", works) == 7

    run(test)


def test_work_begins_when_all_who_are_asking_have_asked() -> None:
    async def test() -> None:
        turns, gate = Turns(at_a_time=1, patience_seconds=60), Gate()
        together = Together[int](turns.turn)
        gate.open.set()

        async def ask(found_out: asyncio.Event) -> int | None:
            with turns.asking():
                await found_out.wait()
                found = together.result("page", gate.work)
            return await found

        events = [asyncio.Event() for _ in range(20)]
        asked = [asyncio.create_task(ask(event)) for event in events]
        for event in events:
            await asyncio.sleep(0)
            assert not gate.begun
            event.set()
        assert await asyncio.gather(*asked) == [1] * 20

    run(test)


def test_work_waits_only_so_long_for_those_who_ask() -> None:
    async def test() -> None:
        turns, gate = Turns(at_a_time=1, patience_seconds=0), Gate()
        gate.open.set()
        with turns.asking():
            assert await Together[int](turns.turn).result("page", gate.work) == 1

    run(test)


def test_who_asks_while_work_waits_for_its_place_shares_it() -> None:
    async def test() -> None:
        turns, gate = Turns(at_a_time=1, patience_seconds=60), Gate()
        together = Together[int](turns.turn)
        first = together.result("one page", gate.work)
        await gate.is_begun.wait()
        others = []
        for _ in range(5):
            others.append(together.result("another", gate.work))
            await asyncio.sleep(0)
        assert gate.begun == 1
        gate.open.set()
        assert [await first, *await asyncio.gather(*others)] == [1] + [2] * 5

    run(test)

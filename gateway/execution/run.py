"""One plan at work on one value: segment by segment, what lies open between them answered for all parents at once."""

from asyncio import gather
from collections.abc import Awaitable, Iterable, Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, GraphQLResolveInfo
from graphql.execution.executor import to_nodes
from graphql.pyutils import Path, gather_with_cancel

from gateway.execution.oddities import reason_of
from gateway.execution.plans import Mark, ObjectShape, Place, Segment, Slot
from gateway.execution.positions import Position, nearest_nullable, positions, shapes_of

if TYPE_CHECKING:
    from gateway.execution.executor import CompiledExecutor

# The places found for each slot.
Open = list[tuple[Slot, list[Place]]]
# A slot, its places, and the key of each.
Keyed = tuple[Slot, list[Place], list[Any]]
Waiting = list[Awaitable[Any]]


class Run:
    """Answers what the plan's first segment left open.

    Values are only ever placed into objects that are part of the answer already. So an object's path needs no
    book-keeping: where one is asked for, the answer is searched for the object.
    """

    def __init__(self, executor: "CompiledExecutor", segment: Segment, path: Path) -> None:
        self._executor = executor
        self._segment = segment
        self._path = path
        self._marks: list[tuple[ObjectShape, list[Any]]] = []
        self._nulled: list[Position] = []
        self._positions: dict[int, Position] = {}
        self._error: GraphQLError | None = None
        self._data: Any = None

    def begin(self, value: Any) -> Open:
        """Complete the first segment. Whatever it raises, nothing has been called yet."""
        self._data, opened = self._completed(self._segment, value)
        return self._kept(opened)

    def result(self) -> Any:
        """The completed value. Raises the error that makes it null."""
        if self._error:
            raise self._error
        return self._data

    def answer(self, opened: Open) -> Awaitable[Any] | None:
        """Answer all slots; None where nothing had to be waited for.

        Raises, at once or when awaited, an error that makes the whole value null.
        """
        return self._together(self._answer(opened))

    def _answer(self, opened: Open) -> Waiting:
        if self._error:
            return []  # Nothing of it would be seen.
        waiting: Waiting = []
        batches: dict[Any, list[Keyed]] = {}
        for slot, places in opened:
            if slot.segment is None:
                waiting += self._leave(slot, places)
            elif slot.related is None or (keys := _keys(slot.related.key, places)) is None:
                waiting += self._call(slot, places)
            else:
                batches.setdefault(slot.related.batch, []).append((slot, places, keys))
        for batch, asked in batches.items():
            waiting += self._look_up(batch, asked)
        return waiting

    def _together(self, waiting: Waiting) -> Awaitable[Any] | None:
        """All that is still to be awaited as one. Raises the error that came up meanwhile."""
        if self._error:
            if waiting:
                self._executor.settle_in_background(waiting)
            raise self._error
        if len(waiting) <= 1:
            return waiting[0] if waiting else None
        return gather_with_cancel(*waiting)

    # ── Ways to answer a slot; none raises, each returns what is still to be awaited ──

    def _look_up(self, batch: Any, asked: Sequence[Keyed]) -> Waiting:
        wanted = list({key: None for _, _, keys in asked for key in keys if key is not None})
        if not wanted:
            return self._place_found({}, asked)
        try:
            found = self._executor.host.ask(self._executor.context_value, batch, wanted)
        except Exception as error:  # noqa: BLE001  (what a field raises, graphql-core tells)
            return self._place_found(error, asked)
        return [self._place_once(found, asked)] if isawaitable(found) else self._place_found(found, asked)

    async def _place_once(self, asking: Awaitable[Any], asked: Sequence[Keyed]) -> None:
        try:
            found = await asking
        except Exception as error:  # noqa: BLE001  (see above)
            found = error
        if waiting := self._together(self._place_found(found, asked)):
            await waiting

    def _place_found(self, found: Any, asked: Sequence[Keyed]) -> Waiting:
        opened: Open = []
        waiting: Waiting = []
        for slot, places, keys in asked:
            if not (slot.segment and slot.segment.is_pure and _place_shared(slot, slot.segment, places, keys, found)):
                waiting += self._place(slot, places, [_value(found, key) for key in keys], opened)
        return waiting + self._answer(opened)

    def _call(self, slot: Slot, places: list[Place]) -> Waiting:
        """Call what answers the field for each parent; it is never called again, whatever becomes of the value."""
        executor = self._executor
        resolve = slot.resolve
        arguments = slot.arguments.shared(executor.variable_values)
        shared: Any = None
        if arguments is None or not slot.work:
            shared = executor.build_resolve_info(slot.field, to_nodes(slot.details), slot.parent, self._path)
        values: list[Any] = []
        later: list[int] = []
        for made, source in places:
            try:
                if arguments is None:
                    value = resolve(
                        source, _Info(shared, self, slot, made), **slot.arguments.values(executor.variable_values)
                    )
                elif slot.work:
                    value = slot.work(source, **arguments)
                else:
                    value = resolve(source, _Info(shared, self, slot, made), **arguments)
            except Exception as error:  # noqa: BLE001  (see above)
                value = error
            if executor.is_awaitable(value):
                later.append(len(values))
            values.append(value)
        if later:
            return [self._place_later(slot, places, values, later)]
        opened: Open = []
        return self._place(slot, places, values, opened) + self._answer(opened)

    async def _place_later(self, slot: Slot, places: list[Place], values: list[Any], later: list[int]) -> None:
        for index, value in zip(later, await _each([values[index] for index in later]), strict=True):
            values[index] = value
        opened: Open = []
        if waiting := self._together(self._place(slot, places, values, opened) + self._answer(opened)):
            await waiting

    def _leave(self, slot: Slot, places: list[Place]) -> Waiting:
        """Have graphql-core execute the field for each parent."""
        waiting: Waiting = []
        for made, source in places:
            position = self._position(made)
            path = Path(position.path, slot.key, slot.parent.name)
            try:
                value = self._executor.execute_field(slot.parent, source, slot.details, path, None)
            except GraphQLError as error:
                self._propagate(error, position)
                continue
            if self._executor.is_awaitable(value):
                waiting.append(self._put_later(value, slot, made, position))
            else:
                made[slot.key] = value
        return waiting

    # ── Placing values ──

    def _place(self, slot: Slot, places: list[Place], values: list[Any], opened: Open) -> Waiting:
        """Complete the values of a slot into their objects; what that opens is added to `opened`."""
        assert slot.segment
        segment, key = slot.segment, slot.key
        lists: list[list[Any]] = [[] for _ in segment.outlets]
        takers = [each.append for each in lists]
        complete = segment.complete
        try:
            for (made, _), value in zip(places, values, strict=True):
                made[key] = complete(value, takers)
        except Exception:  # noqa: BLE001  (found out one by one)
            return self._place_singly(slot, segment, places, values, opened)
        opened += self._kept(zip(segment.outlets, lists, strict=True))
        return []

    def _place_singly(
        self, slot: Slot, segment: Segment, places: list[Place], values: list[Any], opened: Open
    ) -> Waiting:
        """The same where some are odd: those go back to graphql-core, the others do not."""
        collected: list[list[Any]] = [[] for _ in segment.outlets]
        odd: list[tuple[dict[str, Any], Any]] = []
        for (made, _), value in zip(places, values, strict=True):
            try:
                made[slot.key], found = self._completed(segment, value)
            except Exception as error:  # noqa: BLE001  (the same value is completed by graphql-core, which tells)
                self._executor.host.handed_back(slot.name, reason_of(error))
                odd.append((made, value))
            else:
                for (_, one), all_ in zip(found, collected, strict=True):
                    all_.extend(one)
        opened += self._kept(zip(segment.outlets, collected, strict=True))
        return self._hand_back(slot, odd)

    def _hand_back(self, slot: Slot, odd: Iterable[tuple[dict[str, Any], Any]]) -> Waiting:
        executor, nodes = self._executor, to_nodes(slot.details)
        waiting: Waiting = []
        for made, value in odd:
            position = self._position(made)
            path = Path(position.path, slot.key, slot.parent.name)
            info = executor.build_resolve_info(slot.field, nodes, slot.parent, path)
            try:
                completed = executor.complete_by_reference(slot.field.type, slot.details, info, path, value)
            except Exception as error:  # noqa: BLE001  (see above)
                self._failed(error, slot, path, position)
                continue
            if executor.is_awaitable(completed):
                waiting.append(self._put_later(completed, slot, made, position))
            else:
                made[slot.key] = completed
        return waiting

    async def _put_later(self, value: Awaitable[Any], slot: Slot, made: dict[str, Any], position: Position) -> None:
        try:
            made[slot.key] = await value
        except Exception as error:  # noqa: BLE001  (see above)
            self._failed(error, slot, Path(position.path, slot.key, slot.parent.name), position)
            self._together([])

    def _completed(self, segment: Segment, value: Any) -> tuple[Any, list[tuple[Slot | Mark, list[Any]]]]:
        lists: list[list[Any]] = [[] for _ in segment.outlets]
        made = segment.complete(value, [each.append for each in lists])
        return made, list(zip(segment.outlets, lists, strict=True))

    def _kept(self, found: Iterable[tuple[Slot | Mark, list[Any]]]) -> Open:
        opened: Open = []
        for outlet, places in found:
            if not places:
                continue
            if isinstance(outlet, Mark):
                self._marks.append((outlet.shape, places))
            else:
                opened.append((outlet, places))
        return opened

    # ── Errors, and the paths they need ──

    def _failed(self, error: Exception, slot: Slot, path: Path, position: Position) -> None:
        try:
            self._executor.handle_field_error(error, slot.field.type, slot.details, path)
        except GraphQLError as located:
            self._propagate(located, position)

    def _propagate(self, error: GraphQLError, position: Position) -> None:
        """Make null what an error in an object at `position` makes null."""
        at = nearest_nullable(position)
        if at is None:
            self._error = self._error or error
            return
        self._executor.collected_errors.add(error, at.path)
        # What was there may still be worked on; its errors are found to be under a null, and dropped.
        self._nulled.append(at)
        at.container[at.key] = None

    def path_of(self, made: dict[str, Any], slot: Slot) -> Path:
        return Path(self._position(made).path, slot.key, slot.parent.name)

    def _position(self, made: dict[str, Any]) -> Position:
        """Searched for once for all objects that are there; they stay where they are."""
        if id(made) not in self._positions:
            assert self._segment.shape, "Only a plan with slots is run."
            marked = shapes_of(self._marks)
            top, shape = self._path, self._segment.shape
            root = Position(self._data, top, None, None, top.key, nullable=False, shape=shape)
            for each in (root, *self._nulled):
                positions(self._positions, each, marked)
        return self._positions[id(made)]


class _Info:
    """What a resolver is told of its field; the path, which few ask for, is found when one does."""

    __slots__ = ("_made", "_run", "_shared", "_slot")

    def __init__(self, shared: GraphQLResolveInfo[Any], run: Run, slot: Slot, made: dict[str, Any]) -> None:
        self._shared = shared
        self._run = run
        self._slot = slot
        self._made = made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shared, name)

    @property
    def path(self) -> Path:
        return self._run.path_of(self._made, self._slot)


def _keys(attribute: str, places: list[Place]) -> list[Any] | None:
    """The key of each parent; None where one has none that can be looked up, which its resolver then tells."""
    try:
        keys = [getattr(source, attribute) for _, source in places]
        hash(tuple(keys))
    except Exception:  # noqa: BLE001  (see above)
        return None
    return keys


def _place_shared(slot: Slot, segment: Segment, places: list[Place], keys: list[Any], found: Any) -> bool:
    """Complete each key's value once for all parents that share it; False where one is odd."""
    try:
        made_of = {key: segment.complete(_value(found, key), ()) for key in dict.fromkeys(keys)}
    except Exception:  # noqa: BLE001  (found out one by one)
        return False
    for (made, _), key in zip(places, keys, strict=True):
        made[slot.key] = made_of[key]
    return True


def _value(found: Any, key: Any) -> Any:
    if key is None:
        return None
    if isinstance(found, Exception):
        return found
    try:
        return found.get(key)
    except Exception as error:  # noqa: BLE001  (the batch answered with something else than a mapping)
        return error


async def _each(awaitables: list[Awaitable[Any]]) -> list[Any]:
    """What each comes to; an exception stands where its value would."""
    if len(awaitables) == 1:
        try:
            return [await awaitables[0]]
        except Exception as error:  # noqa: BLE001  (see above)
            return [error]
    values = await gather(*awaitables, return_exceptions=True)
    for value in values:
        if isinstance(value, BaseException) and not isinstance(value, Exception):
            raise value
    return values

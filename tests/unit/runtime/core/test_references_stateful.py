"""References, pins and memory beside ``StoreModel``: freed exactly when nobody needs it."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.invariants import check
from ray_jupyter.runtime.core.scheduler import SchedulerCore
from ray_jupyter.runtime.protocol.messages import STORED
from ray_jupyter.testing.memory_models import StoreModel
from ray_jupyter.testing.strategies import conversations

CLIENTS = (0, 1, 2)
SIZE_BYTES = 4096
LIMIT_BYTES = 8 * SIZE_BYTES


class StoreMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.core = SchedulerCore({}, store_limit_bytes=LIMIT_BYTES, workers_target=2)
        self.model = StoreModel()
        self.now = self.minted = 0
        self.commands: list[c.Command] = []
        self.granted: dict[int, list[int]] = {}
        self.spilling: list[c.SpillVictims] = []
        self.on_disk: set[str] = set()
        for client in CLIENTS:
            self.model.held[client] = set()
            self.model.looks[client] = Counter()
            self.granted[client] = []
            self.handle(e.ClientJoined(client, client != 0, client))

    def handle(self, event: e.Event) -> None:
        self.now += 1
        for command in self.core.handle(event, self.now):
            if isinstance(command, c.Deliver):
                for object_id, value in command.objects:
                    self.model.looks[command.client][object_id] += value[0] == STORED
            elif isinstance(command, c.Grant):
                self.granted[command.client].append(command.offset)
            elif isinstance(command, c.SpillVictims):
                self.spilling.append(command)
                self.note_written()
            elif isinstance(command, c.RemoveFiles):
                self.on_disk -= set(command.paths)

    def note_written(self) -> None:
        self.model.written = {i for command in self.spilling for i, _, _ in command.victims}

    def mint(self) -> int:
        self.minted += 1
        return self.minted

    def anybody(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.model.held)))

    @rule(data=st.data())
    def allocate(self, data: st.DataObject) -> None:
        self.handle(e.AllocationRequested(self.anybody(data), self.mint(), SIZE_BYTES))

    @rule(data=st.data(), stored=st.booleans())
    def put(self, data: st.DataObject, stored: bool) -> None:
        client = self.anybody(data)
        if stored and not self.granted[client]:
            return
        inside = data.draw(st.lists(st.sampled_from(sorted(self.model.held[client]) or [0])))
        contained = tuple(i for i in inside if i)
        value = (STORED, self.granted[client].pop(), SIZE_BYTES) if stored else b"small"
        object_id = self.mint()
        self.model.contained[object_id] = contained
        self.model.held[client].add(object_id)
        self.handle(e.Put(client, [(object_id, value, contained)]))

    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        client = self.anybody(data)
        if self.granted[client]:
            self.handle(e.Abandoned(client, self.granted[client].pop()))

    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        existing = sorted(self.model.existing() | self.model.seen())
        if existing:
            client, object_id = self.anybody(data), data.draw(st.sampled_from(existing))
            self.model.held[client].add(object_id)
            self.handle(e.Held(client, [object_id]))

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        client = self.anybody(data)
        if self.model.held[client]:
            object_id = data.draw(st.sampled_from(sorted(self.model.held[client])))
            self.model.held[client].remove(object_id)
            self.handle(e.Released(client, [object_id, object_id]))

    @rule(data=st.data())
    def want(self, data: st.DataObject) -> None:
        existing = sorted(self.model.existing())
        if existing:
            self.handle(e.Wanted(self.anybody(data), [data.draw(st.sampled_from(existing))]))

    @rule(data=st.data())
    def unpin(self, data: st.DataObject) -> None:
        client = self.anybody(data)
        looks = sorted(self.model.looks[client].elements())
        if looks:
            object_id = data.draw(st.sampled_from(looks))
            self.model.looks[client][object_id] -= 1
            self.handle(e.Unpinned(client, [object_id]))

    @precondition(lambda self: self.spilling)
    @rule(data=st.data())
    def spill(self, data: st.DataObject) -> None:
        command = self.spilling.pop(0)
        self.note_written()
        victims = [victim for victim, _, _ in command.victims]
        written = [i for i in victims if data.draw(st.booleans())]
        files = [(i, f"{command.request}-{i}-{self.now}") for i in written]
        self.on_disk |= {path for _, path in files}
        if command.client in self.model.held:
            self.handle(e.SpilledOut(command.client, command.request, files))

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        client = self.anybody(data)
        if self.granted[client] and self.model.held[client]:
            object_id = data.draw(st.sampled_from(sorted(self.model.held[client])))
            offset = self.granted[client].pop()
            self.handle(e.Restored(client, object_id, offset, SIZE_BYTES))

    @precondition(lambda self: len(self.model.held) > 1)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self._leave(data.draw(st.sampled_from(sorted(set(self.model.held) - {0}))))

    def _leave(self, client: int) -> None:
        del self.model.held[client], self.model.looks[client], self.granted[client]
        self.spilling = [command for command in self.spilling if command.client != client]
        self.note_written()
        self.handle(e.ClientLost(client, "died", 0))

    @rule()
    def tick(self) -> None:
        self.now += 5_000_000_000
        self.handle(e.Tick())

    @invariant()
    def agree(self) -> None:
        state = self.core.state
        check(state)
        assert set(state.objects) == self.model.existing()
        assert set(state.unreferenced) <= self.model.in_memory()
        assert self.model.in_memory() <= set(state.objects) | set(state.unreferenced)
        paths = {record.spill_path for record in state.objects.values()} - {None}
        assert paths <= self.on_disk

    def teardown(self) -> None:
        if hasattr(self, "core"):
            for client in list(self.model.held):
                self._leave(client)
            check(self.core.state)
            assert not self.core.state.objects
            assert not self.core.state.unreferenced
            assert not self.core.state.allocator.allocated


TestStore = StoreMachine.TestCase
TestStore.settings = conversations(150, 40)

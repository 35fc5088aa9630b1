"""Actors of the core beside ``ActorModel``: restarts, retries, kills, exits and the name."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ray_jupyter.runtime.core import commands as c
from ray_jupyter.runtime.core import events as e
from ray_jupyter.runtime.core.invariants import check
from ray_jupyter.runtime.core.scheduler import SchedulerCore
from ray_jupyter.runtime.protocol import messages as m
from ray_jupyter.testing.models import ActorModel
from ray_jupyter.testing.strategies import conversations

ACTOR, DRIVER = 10, 0
SELDOM = st.sampled_from((False,) * 9 + (True,))
"""For what ends the actor: nothing new happens afterwards."""
OUTCOMES = {
    m.ACTOR_ERROR: "died", m.FAILED: "again", "ActorUnavailableError": "unavailable",
}  # fmt: skip


class ActorMachine(RuleBasedStateMachine):
    """One actor with a name; its worker answers when a rule says so."""

    @initialize(restarts=st.sampled_from((0, 2, 5, 9)))
    def start(self, restarts: int) -> None:
        self.core = SchedulerCore({"CPU": 20_000}, store_limit_bytes=1 << 20, workers_target=1)
        self.model = ActorModel(restarts)
        self.now, self.worker, self.tasks = 1, 0, 100
        self.sent: list[int] = []
        self.handle(e.ClientJoined(DRIVER, False, 1))
        extras = (("max_restarts", restarts), ("name", "a"), ("namespace", ""), ("handle", b""))
        self.handle(e.Defined(DRIVER, 1, (m.ACTOR, "actor", b"", (), (), 1, 0, "", extras)))
        for retries in (0, 1, 2):
            definition = (m.METHOD, "call", b"", (), (), 1, retries, "", ())
            self.handle(e.Defined(DRIVER, 2 + retries, definition))
        self.submit(ACTOR, 1, ())

    def submit(self, task: int, template: int, held: tuple[int, ...]) -> None:
        self.handle(e.Submitted(DRIVER, [(task, template, b"", (), held, 0)]))

    def handle(self, event: e.Event) -> None:
        self.now += 1
        for command in self.core.handle(event, self.now):
            if isinstance(command, c.Dispatch):
                assert command.client == self.worker
                self.sent += [a[0] for a in command.assignments if a[0] != ACTOR]

    @property
    def constructing(self) -> bool:
        return self.model.life == "made" and self.worker > 0

    @rule(retries=st.sampled_from((0, 1, 2)))
    def call(self, retries: int) -> None:
        self.tasks += 1
        self.model.call(self.tasks, retries)
        self.submit(self.tasks, 2 + retries, (ACTOR,))

    @precondition(lambda self: not self.worker)
    @rule()
    def join(self) -> None:
        self.worker = max([0, *self.core.state.clients]) + 1 + self.now
        self.handle(e.ClientJoined(self.worker, True, self.worker))

    @precondition(lambda self: self.constructing)
    @rule()
    def construct(self) -> None:
        self.model.construct()
        self.handle(e.Finished(self.worker, [(ACTOR, m.OK, b"N.", 0, 1, 1)]))

    @precondition(lambda self: self.constructing)
    @rule(sure=SELDOM)
    def fail_to_construct(self, sure: bool) -> None:
        if not sure:
            return
        self.model.die()
        self.handle(e.Finished(self.worker, [(ACTOR, m.ERROR, b"boom", 0, 1, 1)]))

    @precondition(lambda self: self.sent)
    @rule(outcome=st.sampled_from(("ok", "ok", "again")))
    def finish(self, outcome: str) -> None:
        status = m.OK if outcome == "ok" else m.RETRYABLE_ERROR
        task = self.sent.pop(0)
        doomed = self.model.life == "dead"
        if doomed and outcome == "again" and self.model.retries_left[task]:
            self.model.sent.remove(task)  # it would be repeated, and there is nobody to do so
            self.model.retries_left[task] -= 1
            self.model.waiting.append(task)
        else:
            self.model.end_first(outcome)
        self.handle(e.Finished(self.worker, [(task, status, b"v", 0, 1, 1)]))

    @precondition(lambda self: self.worker)
    @rule(started=st.booleans())
    def lose(self, started: bool) -> None:
        running = self.sent[0] if self.sent and started else 0
        is_the_actors = self.core.state.clients[self.worker].actor is not None
        if is_the_actors:
            self.model.lose(started=bool(running))
            self.sent = []
        lost, self.worker = self.worker, 0
        self.handle(e.ClientLost(lost, "died", running))

    @rule(no_restart=SELDOM)
    def kill(self, no_restart: bool) -> None:
        has_process = ACTOR in self.core.state.actors and self.model.life != "dead"
        if has_process and (no_restart or not self.model.restarts_left):
            if self.worker:
                self.model.doom()
            else:
                self.model.die()
        self.handle(e.KillActorRequested(DRIVER, ACTOR, no_restart))
        worker = self.core.state.clients.get(self.worker)
        if worker is not None and worker.stopping:
            self.lose(started=True)

    @precondition(lambda self: self.model.life == "lives")
    @rule(sure=SELDOM)
    def leave(self, sure: bool) -> None:
        if not sure:
            return
        self.model.leave()
        self.handle(e.ActorExited(self.worker, "left"))

    @invariant()
    def agree(self) -> None:
        state = self.core.state
        check(state)
        assert self.sent == self.model.sent
        ended = {}
        for task in self.model.retries_left:
            value = state.objects[task].value
            if type(value) is bytes:
                ended[task] = "ok"
            elif value is not None:
                kind = value[1] if value[0] == m.SYSTEM_ERROR else value[0]
                ended[task] = OUTCOMES[kind]
        assert ended == self.model.ended
        assert bool(state.names) == (self.model.life != "dead")


TestActors = ActorMachine.TestCase
TestActors.settings = conversations(100, 50)

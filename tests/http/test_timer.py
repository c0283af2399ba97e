"""The one timer of a connection's deadlines."""

from graph.http.server.timer import Timer


class Loop:
    """A loop whose time is set, and whose timers fire when it is."""

    def __init__(self) -> None:
        self.now, self.set = 0.0, []

    def time(self) -> float:
        return self.now

    def call_at(self, when, call):
        handle = Handle(self, when, call)
        self.set.append(handle)
        return handle

    def until(self, now: float) -> None:
        while due := [one for one in self.set if one.when <= now]:
            first = min(due, key=lambda one: one.when)
            self.set.remove(first)
            self.now = first.when
            first.call()
        self.now = now


class Handle:
    def __init__(self, loop, when, call) -> None:
        self.loop, self.when, self.call = loop, when, call

    def cancel(self) -> None:
        if self in self.loop.set:
            self.loop.set.remove(self)


def test_a_deadline_is_called_at_its_time_unless_it_is_stopped_or_another_begins():
    loop, called = Loop(), []
    timer = Timer(loop)
    timer.start(5, lambda: called.append("head"))
    loop.until(1)
    timer.start(15, lambda: called.append("body"))
    loop.until(15.9)
    assert called == []
    loop.until(16)
    assert called == ["body"]
    assert not timer.is_running
    timer.start(10, lambda: called.append("late"))
    timer.start(2, lambda: called.append("early"))
    loop.until(18)
    assert called == ["body", "early"]
    timer.start(5, lambda: called.append("never"))
    timer.stop()
    loop.until(30)
    timer.start(5, lambda: called.append("never"))
    timer.end()
    loop.until(60)
    assert (called, loop.set) == (["body", "early"], [])


def test_a_connection_sets_few_timers_for_many_requests():
    loop = Loop()
    timer = Timer(loop)
    for second in range(100):
        loop.until(second / 100)
        for limit in (5, 15, 5):
            timer.start(limit, list)
        timer.stop()
    assert len(loop.set) == 1

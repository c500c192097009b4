"""A change of the running fleet: what it would do, why it is refused, and carrying it out."""

import time
from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from xmlrpc.client import Fault

from db.settings import settings_file
from worker import dispatch, queues
from worker.errors import BadInputError, FleetStartError, FleetStopError
from worker.host.locks import hold_fleet
from worker.phrases import counted, did_you_mean
from worker.queues import Place
from worker.redis.hosts import run_elsewhere
from worker.supervisor import conf_file, fleet_environment
from worker.supervisor.conf_file import consumed, render
from worker.supervisor.instance import this_instance
from worker.supervisor.readiness import not_ready, wait_until_ready
from worker.supervisor.rpc import ProcessInfo, is_up, processes, refuse_others, supervisord
from worker.supervisor.shutdown import Say, stop_processes
from worker.topology import Topology, load
from worker.topology.hosts import this_host
from worker.topology.model import program_of


@dataclass(frozen=True)
class Change:
    """A supervisord.conf to come, and by name what becomes of each process."""

    topology: Topology
    old: str
    """The text of supervisord's configuration."""
    new: str
    rereads: bool
    """Whether the workers that keep running are to reread queues.toml."""

    @classmethod
    def to_reload(cls) -> Self:
        """What applying queues.toml and settings.toml as they are now would change.

        Raises TopologyError or SettingError with every fault of theirs, and BadInputError when the
        fleet is not up, when it runs by another file or other settings, and when jobs would be left
        without a consumer.
        """
        require_up()
        fleet_environment.reread()
        topology = load()
        text = render(topology, this_instance(topology))
        return cls(topology, conf_file.read(), text, rereads=True)._checked()

    @classmethod
    def to_scale(cls, program: str, count: int) -> Self:
        """What `count` worker processes of a program would change; 0 where another consumes all.

        Raises as `to_reload` does, and BadInputError for an unknown program, for an edited
        queues.toml, and when a queue would be left without a consumer, whether it holds jobs or
        not.
        """
        topology = load()
        if program not in topology.programs:
            raise BadInputError(
                f"there is no program {program!r} in {topology.path} — "
                f"{did_you_mean(program, topology.programs)}"
            )
        here = this_host(topology)
        if program not in here.programs:
            raise BadInputError(
                f"{program} does not run on this host ({here.name}) — scale it where it runs, or "
                f"give this host more programs in {topology.path}"
            )
        conf = own_text(topology)
        kept = conf_file.scaled_programs(conf) | {program}
        counts = process_counts(topology, conf) | {program: count}
        if topology.programs[program].is_elastic:
            # Rebalanced processes go back: the user's number counts beside those at rest.
            counts |= {
                name: other.processes
                for name, other in topology.programs.items()
                if other.is_elastic and name not in kept
            }
        return cls._resized(topology, conf, counts, kept)

    @classmethod
    def to_rebalance(cls, topology: Topology, conf: str, changes: Mapping[str, int]) -> Self:
        """What would change when each of these programs had so many processes more, or fewer.

        `conf` is the text of supervisord's configuration, of this topology. Raises BadInputError
        for other settings, and when a queue would be left without a consumer.
        """
        counts = process_counts(topology, conf)
        counts |= {name: counts[name] + change for name, change in changes.items()}
        return cls._resized(topology, conf, counts, conf_file.scaled_programs(conf))

    @property
    def starts(self) -> list[str]:
        """The processes that are new."""
        return [name for name in self._after if name not in self._before]

    @property
    def stops(self) -> list[str]:
        """The processes that are there no more."""
        return [name for name in self._before if name not in self._after]

    @property
    def restarts(self) -> list[str]:
        """The processes that are something else than before."""
        before, after = self._before, self._after
        return [name for name in after if name in before and after[name] != before[name]]

    def interrupted(self) -> list[str]:
        """The processes that run now and would be ended."""
        running = {each.name for each in processes() if not each.is_down}
        return [name for name in (*self.stops, *self.restarts) if name in running]

    def refuse_stranding(self) -> None:
        """Raise BadInputError when jobs would wait for ever.

        A queue that queues.toml still declares will get jobs, so one that is empty now is refused
        as well.
        """
        faults = []
        for name, count in self._jobs_of_dropped_queues().items():
            if name in self.topology.queues:
                consumers = self.topology.consumers(name)
                programs = " and ".join(program.name for program in consumers)
                faults.append(
                    f"no other program than {programs} consumes {name}, which holds "
                    f"{counted(count, 'job')}; they would wait for ever — "
                    f"`fleet queue pause {name}` pauses it"
                )
            elif count:
                faults.append(
                    f"{name} holds {counted(count, 'job')}, and {self.topology.path} does not "
                    f"declare it any more — `fleet queue move {name} NEW`, or keep it there "
                    "until it is empty"
                )
        if faults:
            raise BadInputError("\n  ".join(["nothing was changed:", *faults]))

    def report_stranded(self, say: Say) -> None:
        """Report jobs that came into a dropped queue while the fleet changed."""
        for name, count in self._jobs_of_dropped_queues().items():
            if count:
                held = counted(count, "job")
                say(f"{name} has got {held} meanwhile: `fleet queue move {name} NEW`")

    def _jobs_of_dropped_queues(self) -> dict[str, int]:
        """How many jobs have still to end in each queue that loses its last consumer."""
        elsewhere = run_elsewhere(dispatch.connection())
        taken = {
            queue
            for name, program in self.topology.programs.items()
            if name in elsewhere
            for queue in program.queues
        }
        names = sorted(consumed(self.old) - consumed(self.new) - taken)
        counts = queues.sizes(names)
        return {name: places.total() - places[Place.FAILED] for name, places in counts.items()}

    @classmethod
    def _resized(
        cls, topology: Topology, conf: str, counts: Mapping[str, int], kept: Collection[str]
    ) -> Self:
        text = render(topology, this_instance(topology), counts, kept)
        return cls(topology, conf, text, rereads=False)._checked()

    def _checked(self) -> Self:
        self._refuse_other_settings()
        self.refuse_stranding()
        return self

    def _refuse_other_settings(self) -> None:
        """Refuse what supervisord reads only at its start, or what every process has from it."""
        before, after = conf_file.own_settings(self.old), conf_file.own_settings(self.new)
        for name in before | after:
            if before.get(name) != after.get(name):
                was, is_now = before.get(name), after.get(name)
                values = f" ({was}, and now {is_now})" if was and is_now else ""
                raise BadInputError(
                    f"the fleet was started with another {name} than is set now{values} — "
                    "set it as it was, or `fleet down`, then `fleet up`"
                )

    @property
    def _before(self) -> dict[str, str]:
        return conf_file.process_sections(self.old)

    @property
    def _after(self) -> dict[str, str]:
        return conf_file.process_sections(self.new)


def own_text(topology: Topology) -> str:
    """The supervisord.conf of the running fleet.

    Raises BadInputError when the fleet is not up, or the text is not made of this topology.
    """
    require_up()
    text = conf_file.read()
    if not conf_file.is_of(text, topology):
        raise BadInputError(
            f"the fleet runs by an earlier version of {topology.path} — `fleet reload` first"
        )
    return text


def require_up() -> None:
    """Raise BadInputError unless the fleet is up and runs by the data folder's file."""
    refuse_others()
    if not is_up():
        raise BadInputError("the fleet is not up — `fleet up` starts it as queues.toml says")
    with supervisord() as rpc:
        pid = rpc.getPID()
    if not conf_file.is_own(pid):
        raise BadInputError(
            f"the fleet runs by another file than {conf_file.path()}, for it was started as "
            f"`{' '.join(conf_file.command_line(pid))}` — `fleet down`, then `fleet up`"
        )


def process_counts(topology: Topology, conf: str) -> dict[str, int]:
    """How many processes each program of the topology has in a supervisord.conf."""
    present = Counter(program_of(name) for name in conf_file.workers(conf))
    return {name: present[name] for name in topology.programs}


_PATIENCE = 5
_LISTENS_AFTER = 0.5
"""Seconds from its registration until a worker listens, many times over."""


def reload_workers(rpc: Any, names: Iterable[str]) -> None:  # XML-RPC has no types
    """Signal the processes of these names; one that does not run reads it at its start."""
    for name in names:
        try:
            rpc.signalProcess(name, "HUP")
        except Fault:
            continue


def reload_young_workers(rpc: Any, signalled: Iterable[ProcessInfo]) -> None:
    """Signal those again that were only starting before, and perhaps had no handler yet.

    They may have read queues.toml before it was edited. One that is not registered after some
    seconds does not start, and will read it when it does.
    """
    young = {each.name for each in signalled if each.state == "STARTING"}
    deadline = time.monotonic() + _PATIENCE
    while not_ready([each for each in processes() if each.name in young]):
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    if young:
        time.sleep(_LISTENS_AFTER)
        reload_workers(rpc, young)


_REMOVAL_SECONDS = 10
_STILL_RUNNING = 91
"""As supervisor.xmlrpc.Faults has it, which takes 2 MiB of what imports it."""


def apply(change: Change, say: Say) -> None:
    """Carry out a change. `say` is given a line when there is something to wait for, or to know.

    Raises BadInputError when it is refused by now, and FleetStartError or FleetStopError when a
    process does not start or stop; what was done until then stays, and the same again goes on.
    """
    with hold_fleet():
        require_up()
        if conf_file.read() != change.old:
            raise BadInputError(
                "another `fleet` command has changed the fleet meanwhile — try again"
            )
        change.refuse_stranding()
        if change.rereads:
            settings_file.take()
        with supervisord() as rpc:
            added, changed, removed = _take(rpc, change)
            rereading = _rereading(change, {*changed, *removed})
            # First: what is started next brings them jobs that they did not know.
            reload_workers(rpc, [each.name for each in rereading])
            _end(rpc, {*changed, *removed}, say)
            started = _start(rpc, change, {*added, *changed})
            if started:
                wait_until_ready(say, started)
            reload_young_workers(rpc, rereading)
        change.report_stranded(say)


def _take(rpc: Any, change: Change) -> Sequence[Collection[str]]:
    """Which groups supervisord finds added, changed and removed.

    It compares with what it runs, so whatever an interrupted change has left undone is among them.
    """
    conf_file.replace(change.new)
    try:
        [difference] = rpc.reloadConfig()
    except Fault as fault:
        conf_file.replace(change.old)
        raise FleetStartError(
            f"supervisord does not take the new file, so nothing was changed: {fault.faultString}"
        ) from fault
    return difference  # type: ignore[no-any-return]  # three lists of names


def _rereading(change: Change, ended: Container[str]) -> list[ProcessInfo]:
    """The processes that keep running and are to reread queues.toml."""
    if not change.rereads:
        return []
    names = [*conf_file.workers(change.new), "recovery", "web", "watch"]
    return [each for each in processes() if each.name in names and each.name not in ended]


def _end(rpc: Any, names: Collection[str], say: Say) -> None:
    stop_processes(rpc, [each for each in processes() if each.name in names], say)
    for name in names:
        _remove(rpc, name)


def _start(rpc: Any, change: Change, names: Container[str]) -> list[str]:
    """Have supervisord start processes of the new text; their names."""
    started = [name for name in conf_file.process_sections(change.new) if name in names]
    for name in started:
        rpc.addProcessGroup(name)
    return started


def _remove(rpc: Any, name: str) -> None:
    """Have supervisord forget a process that has ended, once it has noticed that."""
    deadline = time.monotonic() + _REMOVAL_SECONDS
    while True:
        try:
            rpc.removeProcessGroup(name)
        except Fault as fault:
            if fault.faultCode != _STILL_RUNNING or time.monotonic() > deadline:
                raise FleetStopError(
                    f"{name} does not stop: {fault.faultString} — see `fleet logs {name}`"
                ) from fault
            time.sleep(0.05)
        else:
            return

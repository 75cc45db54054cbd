"""Report a training to nntop and execute its commands.

    import nntop

    run = nntop.init(config={"lr": 0.1})
    run.learning_rate(optimizer, scheduler)
    for batch in run.steps(loader):
        loss = train(batch)
        run.log({"loss": loss})

Under ``nntop run -- python train.py`` the script reports to that session. A script that is started
directly starts a session of its own if the program ``nntop`` is on the PATH. Without a session
every call does nothing.

One file for Python 3.8 and newer, which needs only the standard library. No call raises an
exception in the training, except :class:`StopTraining`, and none blocks it, except while the
session holds it: a daemon thread sends the queued messages, samples are dropped while the queue is
full, and the training continues without a session that has ended. The protocol is described in
``PROTOCOL.md`` beside this file.
"""

from __future__ import annotations

import array
import atexit
import base64
import collections
import functools
import importlib
import inspect
import json
import math
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Deque, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

__all__ = [
    "init",
    "resume_from",
    "Run",
    "StopTraining",
    "LightningCallback",
    "HFCallback",
    "KerasCallback",
]

#: Version of the protocol; a session with another version refuses the connection.
PROTOCOL = 1
#: Length of the queue, in messages, from which on samples (metrics, images, texts) are dropped.
QUEUE = 10_000
#: Maximum size of queued images and texts in bytes; further ones are dropped.
QUEUE_BYTES = 32 << 20
#: Maximum length of a line in bytes.
LINE = 63 << 20
#: Interval in seconds at which the sending thread checks the queue.
TICK = 0.05
#: Maximum time in seconds that the exit of the script waits for the queue to be sent. Together with
#: the time until the sending thread notices, the exit is delayed by at most 0.2 s.
EXIT_WAIT = 0.15
#: Seconds without a message from the session after which a held training continues.
SILENCE = 60.0


class StopTraining(SystemExit):
    """Raised by :meth:`Run.step` once a stop was requested; ends the script with exit code 0."""

    def __init__(self) -> None:
        super().__init__(0)


def init(
    name: Optional[str] = None,
    config: Optional[Dict[str, Any]] = None,
    *,
    every: int = 1,
) -> "Run":
    """Connects to the session, or starts one; returns a :class:`Run` in any case.

    ``name`` names a session that is started here. ``config`` holds hyper-parameters. ``every`` is
    the minimum number of steps between two exchanges among the ranks of a distributed training, in
    which this must be called after ``init_process_group``.

    In a worker process, such as one of a ``DataLoader``, every call of the returned :class:`Run`
    does nothing: the process that started the worker reports.
    """
    global _run
    if _run is not None and _run._pid == os.getpid() and not _run._closed:
        if config:
            _run.config(config)
        return _run
    rank, world = _rank()
    link = None
    is_worker = _is_worker(world)
    if rank == 0 and not is_worker and not os.environ.get("NNTOP_DISABLED"):
        link = _connect(name)
    if is_worker or link is None and world == 1:
        _run = Run(None)
    else:
        _run = Run(link, rank=rank, world=world, every=every)
        _end_with_process()
    if link is not None:
        os.environ[_REPORTER] = str(os.getpid())
    if config:
        _run.config(config)
    return _run


def resume_from() -> Optional[str]:
    """The path of the checkpoint to resume from; ``None`` at a fresh start.

    ``nntop resume`` and ``nntop run --again`` set it to the newest checkpoint that the function of
    :meth:`Run.on_checkpoint` wrote.
    """
    return os.environ.get("NNTOP_RESUME_FROM") or None


class _Steps:
    """What :meth:`Run.steps` returns: an iterable as long as its loader."""

    def __init__(self, run: "Run", loader: Iterable[Any]) -> None:
        self._run = run
        self._loader = loader

    def __len__(self) -> int:
        return len(self._loader)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        run = self._run
        if run._link is None and run._ranks is None:
            yield from self._loader
            return
        if run._stop:
            raise StopTraining()
        for batch in self._loader:
            yield batch
            run._steps += 1
            if run._attention:
                run._boundary()
                if run._stop:
                    return


class Tunable:
    """A value that a session may change, with the functions that read and set it."""

    def __init__(
        self,
        get: Callable[[], float],
        set: Callable[[float], None],
        is_settled: Callable[[], bool] = lambda: True,
    ) -> None:
        self.get = get
        self.set = set
        #: Whether a step was made with the value that was set last.
        self.is_settled = is_settled


class _Injected:
    """The learning rate in the state of ``optax.inject_hyperparams``; each step has a new state."""

    def __init__(self, hyperparams: Dict[str, Any]) -> None:
        self._hyperparams = hyperparams
        self._wanted: Optional[float] = None
        self._steps = 0

    def get(self) -> float:
        if self._wanted is not None and self._steps == 0:
            return self._wanted
        return _number(self._hyperparams["learning_rate"])

    def set(self, value: float) -> None:
        self._wanted, self._steps = value, 0

    def is_settled(self) -> bool:
        return self._wanted is None

    def pass_through(self, hyperparams: Dict[str, Any]) -> None:
        """Takes the hyper-parameters of the next step; sets a requested learning rate in them."""
        self._hyperparams = hyperparams
        if self._wanted is None:
            return
        if self._steps == 0:
            rate = hyperparams["learning_rate"]
            # An array stays an array of the same type.
            hyperparams["learning_rate"] = (
                self._wanted if isinstance(rate, (int, float)) else rate * 0 + self._wanted
            )
            self._steps = 1
        else:
            # A step was made with it. A schedule may have changed it since; that value is reported.
            self._wanted = None


class Cannot(Exception):
    """Raised if a value cannot be changed or a probe not answered; its text is the answer."""


class Run:
    """The connection of a training to its session. Without a session every method does nothing."""

    def __init__(
        self, link: Optional["_Link"], rank: int = 0, world: int = 1, every: int = 1
    ) -> None:
        self._link = link
        self._pid = os.getpid()
        self._closed = link is None and world == 1
        self._rank = rank
        self._ranks = _Ranks(every) if world > 1 else None
        #: The same object, kept after the exchange has ended, for the exit file of this rank.
        self._ranks_at_exit = self._ranks
        self._steps = 0
        self._attention = self._ranks is not None
        self._wake = threading.Condition()
        self._held = False
        self._steps_left: Optional[int] = None
        self._stop = False
        self._work: Deque[Dict[str, Any]] = collections.deque()
        self._tunables: Dict[str, Tunable] = {}
        self._save: Optional[Callable[..., Any]] = None
        self._changed: List[str] = []
        self._model: Any = None
        self._injected: Optional["_Injected"] = None
        self._raises = True
        if link is not None:
            link.start(self)

    def __reduce__(self) -> Any:
        # A copy in another process, such as in the data set of a spawned worker, reports nothing.
        return Run, (None,)

    def __copy__(self) -> "Run":
        return self

    def __deepcopy__(self, _memo: Any) -> "Run":
        return self

    # -- reporting ---------------------------------------------------------------------------

    @property
    def stopped(self) -> bool:
        """Whether a stop was requested: loops over epochs should end."""
        return self._stop

    @property
    def active(self) -> bool:
        """Whether a session is connected."""
        return self._link is not None and not self._closed

    def log(
        self,
        metrics: Dict[str, Any],
        step: Optional[int] = None,
        epoch: Optional[float] = None,
    ) -> None:
        """Reports metrics. Values are numbers, or tensors and arrays of one element.

        ``step`` is the position on the x-axis of the charts, by default the number of calls of
        :meth:`step` or of batches of :meth:`steps`. Names are grouped by ``/``.
        """
        link = self._link
        if link is None:
            return
        values = {
            # Tensors and arrays, which may change later, are copied.
            key: value if type(value) in (float, int) else _frozen(value)
            for key, value in metrics.items()
        }
        link.sample(("log", values, self._steps if step is None else step, epoch, time.time()))

    def config(self, values: Dict[str, Any]) -> None:
        """Reports hyper-parameters; nested dictionaries are flattened with ``/``."""
        if self._link is not None and not self._closed:
            self._link.fact({"config": {key: _plain(value) for key, value in _flatten(values)}})

    def text(self, tag: str, text: str, step: Optional[int] = None) -> None:
        """Reports a text, such as a generated sample."""
        if self._link is not None and not self._closed:
            step = self._steps if step is None else step
            text = str(text)
            self._link.sample(("text", str(tag), text, step, time.time()), len(text))

    def image(self, tag: str, image: Any, step: Optional[int] = None) -> None:
        """Reports an image: height × width, 1 or 3 channels last or first, bytes or 0 to 1."""
        if self._link is not None and not self._closed:
            try:
                image = _numpy(image)
                if hasattr(image, "dtype") and hasattr(image, "tobytes"):
                    pixels, shape = _images(image.reshape((1,) + tuple(image.shape)))
                else:
                    pixels, shape = _images([image])
            except Exception as error:  # a wrong shape must not end the training
                return self._note("warning", f"the image {tag} was not reported: {error}")
            message = {"tag": str(tag), "height": shape[1], "width": shape[2], "channels": shape[3]}
            message["pixels"] = _base64(pixels)
            step = self._steps if step is None else step
            size = len(message["pixels"])
            self._link.sample(("image", message, None, step, time.time()), size)

    def histogram(
        self, tag: str, values: Any, step: Optional[int] = None, bins: int = 30
    ) -> None:
        """Reports the distribution of values in equal bins."""
        if self._link is not None and not self._closed:
            numbers = [v for v in _floats(values) if math.isfinite(v)]
            low, high = (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
            width = (high - low) / bins or 1.0
            counts = [0] * bins
            for value in numbers:
                counts[min(int((value - low) / width), bins - 1)] += 1
            message = {"tag": str(tag), "low": low, "high": low + width * bins, "counts": counts}
            step = self._steps if step is None else step
            self._link.sample(("histogram", message, None, step, time.time()))

    def predictions(
        self,
        labels: Any,
        probabilities: Any,
        images: Any = None,
        ids: Optional[Sequence[Any]] = None,
        classes: Optional[Sequence[str]] = None,
    ) -> None:
        """Reports a model's predictions for a validation set, for the Digits and Confusion views.

        ``labels``: N integers. ``probabilities``: N × classes. ``images``: N × height × width,
        with 1 or 3 channels first or last, bytes or numbers from 0 to 1. ``ids``: N names.
        """
        if self._link is None or self._closed:
            return
        try:
            message = _predictions(labels, probabilities, images, ids, classes)
        except Exception as error:  # a wrong shape must not end the training
            return self._note("warning", f"predictions were not reported: {error}")
        message["step"] = self._steps
        # If they are reported faster than they can be sent, only the newest are queued.
        self._link.newest("predictions", {"predictions": message})

    # -- control -----------------------------------------------------------------------------

    def steps(self, loader: Iterable[Any]) -> "_Steps":
        """Iterates over a loader; hold, step and stop take effect between two batches.

        After a stop was requested the loop ends, and the script continues after it. A further loop
        over ``steps`` ends the script with exit code 0.
        """
        return _Steps(self, loader)

    def step(self) -> None:
        """Marks the boundary between two steps, where commands take effect.

        Raises :class:`StopTraining` once a stop was requested; the adapters end the loop of their
        framework instead.
        """
        self._steps += 1
        if self._attention:
            self._boundary()
            if self._stop and self._raises:
                raise StopTraining()

    def learning_rate(self, optimizer: Any, scheduler: Any = None) -> None:
        """Lets the session change the learning rate of an optimizer (PyTorch or Keras).

        The change is a factor that survives every scheduler: the rates of the optimizer and the
        base rates of the scheduler are scaled together.
        """
        if self._closed:
            return
        if hasattr(optimizer, "param_groups"):
            schedulers = scheduler if isinstance(scheduler, (list, tuple)) else [scheduler]
            tunable = Tunable(
                lambda: float(optimizer.param_groups[0]["lr"]),
                lambda value: _scale_rates(optimizer, schedulers, value),
            )
        elif hasattr(optimizer, "learning_rate"):
            tunable = Tunable(
                lambda: _number(optimizer.learning_rate),
                lambda value: _assign_keras(optimizer, value),
            )
        else:
            kind = type(optimizer).__name__
            tunable = Tunable(_cannot_get, _cannot(f"cannot: a {kind} has no learning rate"))
        self._add("learning_rate", tunable)

    def tunable(self, name: str, get: Callable[[], float], set: Callable[[float], None]) -> None:
        """Lets the session change any number: ``get`` returns it, ``set`` changes it.

        ``set`` is called at a step boundary; an exception from it is the answer to the command.
        """
        if not self._closed:
            self._add(str(name), Tunable(get, set))

    def inject(self, state: Any) -> Any:
        """Lets the session change the learning rate of ``optax.inject_hyperparams``.

        Call it with the optimizer state in every step and continue with the state it returns.
        """
        if self._closed:
            return state
        hyperparams = getattr(state, "hyperparams", None)
        if not isinstance(hyperparams, dict) or "learning_rate" not in hyperparams:
            if "learning_rate" not in self._tunables:
                self._note("warning", "cannot change the learning rate: use optax.inject_hyperparams")
                self._tunables["learning_rate"] = Tunable(_cannot_get, _cannot_set)
            return state
        injected = self._injected
        if injected is None:
            injected = self._injected = _Injected(hyperparams)
            self._add("learning_rate", Tunable(injected.get, injected.set, injected.is_settled))
        injected.pass_through(hyperparams)
        return state

    def on_checkpoint(self, save: Callable[..., Any]) -> None:
        """Registers the function that ``nntop save`` calls at a step boundary.

        The function returns the path that it wrote. If it takes an argument, it is passed a
        suggested path in the run's directory.
        """
        self._save = save
        if self._link is not None and not self._closed:
            self._link.fact({"capability": "save"})

    def watch(self, model: Any) -> None:
        """Lets the dashboard show weights, gradients and activations of a PyTorch module."""
        if self._closed or self._link is None:
            return
        self._model = _Model(model)
        self._link.fact({"layers": self._model.describe()})

    def finish(self, failed: Optional[str] = None) -> None:
        """Ends the report; called automatically at the end of the script."""
        if self._closed or self._link is None:
            return
        link, self._link, self._closed = self._link, None, True
        self._attention = self._ranks is not None
        os.environ.pop(_REPORTER, None)
        end: Dict[str, Any] = {"outcome": "failed", "reason": failed} if failed else {"outcome": "completed"}
        link.fact({"end": end})
        link.close()

    # -- at a boundary -----------------------------------------------------------------------

    def _add(self, name: str, tunable: Tunable) -> None:
        self._tunables[name] = tunable
        self._report(name)

    def _report(self, name: str) -> None:
        if self._link is not None:
            try:
                value = float(self._tunables[name].get())
            except Exception as error:  # a broken getter must not end the training
                return self._note("warning", f"{name} cannot be read: {error}")
            self._link.fact({"tunable": {"name": name, "value": _json_number(value)}, "step": self._steps})

    def _report_changes(self) -> None:
        """Reports changed values once a step was made with them."""
        for name in [n for n in self._changed if self._tunables[n].is_settled()]:
            self._changed.remove(name)
            self._report(name)

    def _note(self, level: str, text: str) -> None:
        if self._link is not None:
            self._link.fact({"note": {"level": level, "text": text}})

    def _receive(self, command: Dict[str, Any]) -> None:
        """Queues a command, in the receiving thread; it takes effect at the next boundary."""
        with self._wake:
            self._work.append(command)
            self._attention = True
            self._wake.notify_all()

    def _disconnect(self) -> None:
        """Makes every call do nothing, in a forked child. A parent's thread may hold the lock."""
        self._link, self._closed, self._attention, self._ranks = None, True, False, None
        self._held, self._steps_left, self._stop = False, None, False
        self._wake = threading.Condition()
        self._work = collections.deque()

    def _lost(self) -> None:
        """Handles a lost session: the training is no longer held."""
        with self._wake:
            self._held, self._steps_left = False, None
            self._link, self._closed = None, True
            self._work.clear()
            self._attention = self._ranks is not None
            self._wake.notify_all()

    def _boundary(self) -> None:
        if self._ranks is not None:
            self._exchange()
        else:
            self._serve()

    def _serve(self) -> None:
        """Executes the commands that have arrived; blocks while held."""
        self._report_changes()
        model = self._model
        if model is not None and model.waits_for_a_step:
            model.measure_step()
        if self._steps_left is not None:
            self._steps_left -= 1
            if self._steps_left <= 0:
                self._steps_left = None
                self._hold(None)
        self._drain()
        while self._held and not self._stop:
            with self._wake:
                if not self._work:
                    self._wake.wait(1.0)
            if self._link is not None and self._link.silence() > SILENCE:
                self._held = False
                self._note("warning", "the session is silent: training goes on")
            self._drain()
        with self._wake:
            waits = self._work or self._changed or self._steps_left is not None
            measures = model is not None and model.waits_for_a_step
            self._attention = bool(waits) or measures or self._ranks is not None

    def _drain(self) -> None:
        while True:
            with self._wake:
                if not self._work:
                    return
                command = self._work.popleft()
            answer: Dict[str, Any] = {"ack": command.get("id"), "step": self._steps}
            try:
                answer.update(self._obey(command) or {})
            except Exception as error:  # reported as the answer; must not end the training
                answer["error"] = str(error) if isinstance(error, Cannot) else f"{type(error).__name__}: {error}"
            if self._link is not None:
                self._link.fact(answer)

    def _obey(self, command: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        what = command.get("command")
        if what == "hold":
            self._hold(command)
        elif what == "resume":
            self._resume(None)
        elif what == "step":
            self._resume(max(1, int(command.get("steps", 1))))
        elif what == "stop":
            self._stop = True
            self._resume(None)
        elif what == "save":
            answer = self._checkpoint()
            if command.get("end") and "path" in answer:
                self._stop = True
                self._resume(None)
            return answer
        elif what == "set":
            return self._set(str(command.get("name")), float(command["value"]))
        elif what == "watch":
            return self._look(command)
        else:
            return {"error": f"cannot: unknown command {what!r}"}
        return None

    def _hold(self, command: Optional[Dict[str, Any]]) -> None:
        self._held = True
        if self._link is not None:
            self._link.fact({"state": "held", "step": self._steps})

    def _resume(self, steps: Optional[int]) -> None:
        was_held, self._held, self._steps_left = self._held, False, steps
        if self._link is not None and (was_held or steps):
            self._link.fact({"state": "running", "step": self._steps})

    def _set(self, name: str, value: float) -> Dict[str, Any]:
        name = _full_name(name, self._tunables)
        tunable = self._tunables.get(name)
        if tunable is None:
            known = ", ".join(sorted(self._tunables)) or "nothing"
            return {"error": f"cannot: the script offers no {name!r}; it offers {known}"}
        if not math.isfinite(value):
            return {"error": f"cannot: {value} is not a number"}
        before = float(tunable.get())
        tunable.set(value)
        # The scheduler may change the value in the next step; that value is reported then.
        if name not in self._changed:
            self._changed.append(name)
        return {"name": name, "previous": _json_number(before), "value": _json_number(float(tunable.get()))}

    def _checkpoint(self) -> Dict[str, Any]:
        if self._save is None:
            return {"error": "cannot: the script has no run.on_checkpoint(save)"}
        directory = os.path.join(os.environ.get("NNTOP_RUN") or ".", "checkpoints")
        suggestion = os.path.join(directory, f"step-{self._steps}")
        if _takes_argument(self._save):
            os.makedirs(directory, exist_ok=True)
            path = self._save(suggestion)
            path = suggestion if path is None else path
        else:
            path = self._save()
        if not isinstance(path, (str, os.PathLike)):
            return {"error": "the checkpoint function returned no path"}
        path = os.path.abspath(os.fspath(path))
        if not os.path.exists(path):
            return {"error": f"the checkpoint function wrote no {path}"}
        return {"path": path, "bytes": _size(path)}

    def _look(self, command: Dict[str, Any]) -> Dict[str, Any]:
        if self._model is None:
            return {"error": "cannot: the script has no run.watch(model)"}
        return {"frame": self._model.look(command)}

    # -- distributed -------------------------------------------------------------------------

    def _exchange(self) -> None:
        """Rank 0 executes commands; hold, stop and changes reach every rank at the same step."""
        ranks = self._ranks
        if ranks is None or not ranks.due(self._steps):
            return
        try:
            if ranks.join(self._rank) and self._link is not None:
                self._link.watch(ranks.others)
            self._exchange_now(ranks)
        except Exception as error:  # such as a rank that died, which the training itself notices
            self._ranks, self._held = None, False
            self._attention = self._link is not None
            self._note("error", f"the ranks no longer answer one another: {_one_line(error)}")

    def _exchange_now(self, ranks: "_Ranks") -> None:
        leads = self._rank == 0
        if leads:
            self._report_changes()
            if self._steps_left is not None:
                self._steps_left -= ranks.passed
                if self._steps_left <= 0:
                    self._steps_left = None
                    self._hold(None)
            self._drain_for(ranks)
        while True:
            # While held, this broadcast every second keeps every collective below its timeout.
            state = ranks.share(self._agreement(ranks) if leads else None)
            if not leads:
                self._stop = state["stop"]
                for name, value in state["changes"]:
                    if name in self._tunables:
                        self._tunables[name].set(value)
            if not state["active"]:
                self._ranks, self._attention = None, False
                return
            if not state["held"] or state["stop"]:
                ranks.plan(state["every"], self._steps)
                return
            if leads:
                with self._wake:
                    if not self._work:
                        self._wake.wait(1.0)
                if self._link is None or self._link.silence() > SILENCE:
                    self._held = False
                self._drain_for(ranks)

    def _agreement(self, ranks: "_Ranks") -> Dict[str, Any]:
        """The state that rank 0 broadcasts."""
        return {
            "held": self._held,
            "stop": self._stop,
            "changes": ranks.take_changes(),
            # One step at a time while steps are counted.
            "every": 1 if self._steps_left is not None else ranks.pace(),
            "active": self._link is not None,
        }

    def _drain_for(self, ranks: "_Ranks") -> None:
        before = {name: _quiet(tunable.get) for name, tunable in self._tunables.items()}
        self._drain()
        for name, tunable in self._tunables.items():
            value = _quiet(tunable.get)
            if value is not None and value != before.get(name):
                ranks.changes.append((name, value))


class _Ranks:
    """The exchange among the ranks of torch.distributed, on a CPU group of its own."""

    def __init__(self, every: int) -> None:
        self.least = max(1, every)
        self.changes: List[Tuple[str, float]] = []
        #: Steps since the previous exchange.
        self.passed = 1
        self._next = 1
        self._last = 0
        self._since = time.monotonic()
        self._group: Any = None
        #: On rank 0: the other ranks on its machine.
        self.others: List["_Rank"] = []
        #: The file that this rank writes when it exits; none on rank 0 and on other machines.
        self._exit_file = ""

    def due(self, steps: int) -> bool:
        distributed = sys.modules.get("torch.distributed")
        if steps < self._next or distributed is None or not distributed.is_initialized():
            return False
        self.passed = max(1, steps - self._last)
        return True

    def join(self, rank: int) -> bool:
        """Creates the group and exchanges process ids in the first call; returns whether it did."""
        if self._group is not None:
            return False
        distributed = sys.modules["torch.distributed"]
        self._group = distributed.new_group(backend="gloo") or True
        directory = _directory_for_exit_files() if rank == 0 else ""
        mine = (rank, os.getpid(), socket.gethostname(), directory)
        everyone: List[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(everyone, mine, group=self._group)
        _, _, machine, directory = everyone[0]
        if directory and machine == mine[2]:
            for other, process, _, _ in (one for one in everyone[1:] if one[2] == machine):
                path = os.path.join(directory, f"rank-{other}")
                if rank == 0:
                    self.others.append(_Rank(other, process, path))
                elif rank == other:
                    _remember_failures()
                    self._exit_file = path
        return True

    def write_exit_file(self, failed: Optional[str]) -> None:
        """Tells rank 0 that this rank exits on its own, and by which exception, if any.

        A rank that is killed or crashes leaves no file.
        """
        path, self._exit_file = self._exit_file, ""
        if path:
            try:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(failed or "")
            except OSError:
                pass

    def plan(self, every: int, steps: int) -> None:
        """Schedules the next exchange, at the same step on every rank."""
        self._last, self._next = steps, steps + every
        self._since = time.monotonic()

    def pace(self) -> int:
        """The number of steps that take about 0.2 s."""
        seconds = (time.monotonic() - self._since) / self.passed
        return max(self.least, min(1000, int(0.2 / max(seconds, 1e-6))))

    def take_changes(self) -> List[Tuple[str, float]]:
        changes, self.changes = self.changes, []
        return changes

    def share(self, state: Optional[Dict[str, Any]]) -> Dict[str, Any]:
        """Broadcasts the state of rank 0, which is returned on every rank."""
        distributed = sys.modules["torch.distributed"]
        message: List[Any] = [state]
        distributed.broadcast_object_list(message, src=0, group=self._group)
        return message[0]  # type: ignore[no-any-return]


class _Rank:
    """The process of another rank on this machine."""

    def __init__(self, rank: int, process: int, exit_file: str) -> None:
        self._rank = rank
        self._process = process
        self._exit_file = exit_file
        self._descriptor: Optional[int] = None
        try:
            self._descriptor = os.pidfd_open(process)  # type: ignore[attr-defined, unused-ignore]
        except (AttributeError, OSError):  # before Python 3.9, not Linux, or it has ended
            pass

    def has_ended(self) -> bool:
        """Whether the process has ended, also if nobody has waited for it yet."""
        if self._descriptor is not None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            return bool(poll.poll(0))
        try:
            with open(f"/proc/{self._process}/stat", "rb") as file:
                return file.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
        except OSError:
            pass
        try:
            os.kill(self._process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
        return False

    def take_problem(self) -> Optional[str]:
        """How the ended process died or failed; ``None`` if it exited normally."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        name = f"rank {self._rank} (process {self._process})"
        try:
            with open(self._exit_file, encoding="utf-8") as file:
                failed = file.read()
            os.remove(self._exit_file)
        except (OSError, ValueError):
            return f"{name} died: it was killed, or crashed without an exception"
        return f"{name} failed: {failed}" if failed else None


def _directory_for_exit_files() -> str:
    """The directory for exit files, inside the directory of the run; empty without a run."""
    directory = os.path.join(os.environ.get("NNTOP_RUN", ""), "ranks")
    try:
        if not os.environ.get("NNTOP_RUN"):
            return ""
        os.makedirs(directory, mode=0o700, exist_ok=True)
        for name in os.listdir(directory):  # of an earlier start of the same run
            os.remove(os.path.join(directory, name))
        return directory
    except OSError:
        return ""


class _Link:
    """The connection: a bounded queue, one thread that sends and one that receives."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._queue: Deque[Any] = collections.deque()
        self._slots: Dict[str, Dict[str, Any]] = {}
        self._bytes = 0
        self._dropped = 0
        self._closing = False
        self._wakeup = threading.Event()
        self._done = threading.Event()
        self._heard = time.monotonic()
        self._run: Optional[Run] = None
        #: Processes of a distributed training whose end is reported.
        self._others: List[_Rank] = []

    def start(self, run: Run) -> None:
        self._run = run
        _remember_failures()
        hello = {
            "nntop": PROTOCOL,
            "client": f"python {sys.version_info[0]}.{sys.version_info[1]}",
            "pid": os.getpid(),
            "script": sys.argv[0] if sys.argv else "",
        }
        self._queue.append(hello)
        self._wakeup.set()
        for target in (self._send_all, self._receive_all):
            threading.Thread(target=target, name="nntop", daemon=True).start()

    def sample(self, message: Tuple[Any, ...], size: int = 0) -> None:
        """Queues a message that may be dropped."""
        if len(self._queue) < QUEUE and self._bytes + size <= QUEUE_BYTES:
            self._bytes += size
            self._queue.append(message)
        else:
            self._dropped += 1

    def fact(self, message: Dict[str, Any]) -> None:
        """Queues a message that is not dropped, and wakes the sending thread."""
        # These messages are few: a queue ten times as long means that the session reads nothing.
        if len(self._queue) < 10 * QUEUE:
            self._queue.append(message)
            self._wakeup.set()

    def newest(self, key: str, message: Dict[str, Any]) -> None:
        """Keeps the newest message of a kind until it is sent."""
        self._slots[key] = message
        self._wakeup.set()

    def watch(self, others: List[_Rank]) -> None:
        """Reports from now on if one of the other ranks dies."""
        self._others = others

    def _note_dead_ranks(self) -> None:
        others = self._others
        for other in [other for other in others if other.has_ended()]:
            others.remove(other)
            text = other.take_problem()
            if text is not None:
                self._queue.append({"note": {"level": "error", "text": text}})

    def silence(self) -> float:
        """Seconds since the last message of the session."""
        return time.monotonic() - self._heard

    def close(self) -> None:
        self._closing = True
        self._wakeup.set()
        self._done.wait(EXIT_WAIT)

    def abandon(self) -> None:
        """Closes this process's copy of the connection after a fork; the parent keeps its own."""
        try:
            self._stream.close()
        except OSError:
            pass

    def _send_all(self) -> None:
        steps, dropped, beat = -1, 0, 0.0
        try:
            while True:
                self._wakeup.wait(TICK)
                self._wakeup.clear()
                if self._others:
                    self._note_dead_ranks()
                closing = self._closing
                lines: List[bytes] = []
                size = 0
                while self._queue and size < 1 << 20:
                    line = _encode(self._queue.popleft())
                    if line is not None:
                        lines.append(line)
                        size += len(line)
                if not self._queue:
                    self._bytes = 0
                for key in list(self._slots):
                    lines.append(_encode(self._slots.pop(key)) or b"")
                run, now = self._run, time.monotonic()
                if run is not None and (run._steps != steps or now - beat > 5.0):
                    steps, beat = run._steps, now
                    lines.append(_encode({"at": steps}) or b"")
                if self._dropped != dropped:
                    dropped = self._dropped
                    lines.append(_encode({"dropped": dropped}) or b"")
                if lines:
                    self._stream.sendall(b"".join(lines))
                if self._queue or self._slots:
                    self._wakeup.set()
                elif closing:
                    self._stream.shutdown(socket.SHUT_WR)
                    return
        except (OSError, ValueError):
            if self._run is not None and not self._closing:
                self._run._lost()
        finally:
            self._done.set()

    def _receive_all(self) -> None:
        buffer = b""
        try:
            while True:
                data = self._stream.recv(65536)
                if not data:
                    break
                self._heard = time.monotonic()
                buffer += data
                *lines, buffer = buffer.split(b"\n")
                if len(buffer) > LINE:
                    break
                for line in lines:
                    try:
                        message = json.loads(line)
                    except ValueError:
                        continue
                    if not isinstance(message, dict):
                        continue
                    if "command" in message and self._run is not None:
                        self._run._receive(message)
                    elif "refused" in message:
                        sys.stderr.write(f"nntop: not reporting: {message['refused']}\n")
        except (OSError, ValueError):
            pass
        if self._run is not None and not self._closing:
            self._run._lost()


class _Model:
    """Weights, gradients and activations of a PyTorch module, a slice at a time."""

    #: Maximum number of values in an answer.
    MOST = 200_000
    #: Maximum number of maps, and maximum width and height, of the activations of a layer.
    MAPS, SIDE = 32, 64

    def __init__(self, model: Any) -> None:
        self.model = model
        self.layers = [
            (name, module)
            for name, module in model.named_modules()
            if hasattr(getattr(module, "weight", None), "dim") and module.weight.dim() in (2, 4)
        ]
        self._activations: Dict[int, Any] = {}
        self._hooks: List[Any] = []
        self._before: Dict[int, Any] = {}
        self._updates: Dict[int, Optional[float]] = {}

    def describe(self) -> List[Dict[str, Any]]:
        """Names and shapes of the layers that have weights."""
        out = []
        for name, module in self.layers:
            bias = getattr(module, "bias", None)
            out.append(
                {
                    "name": f"{name or type(module).__name__}",
                    "kind": type(module).__name__,
                    "shape": [int(n) for n in module.weight.shape],
                    "biases": int(bias.numel()) if hasattr(bias, "numel") else 0,
                }
            )
        return out

    def look(self, command: Dict[str, Any]) -> Dict[str, Any]:
        kind = command.get("what")
        if kind == "gradients":
            layers = [self._gradients(i, m) for i, (_, m) in enumerate(self.layers)]
            return {"what": kind, "layers": layers}
        if kind == "activations":
            return {"what": kind, "layers": self._look_at_activations()}
        index = int(command.get("layer", 0))
        if not 0 <= index < len(self.layers):
            raise IndexError(f"layer {index} of {len(self.layers)}")
        module = self.layers[index][1]
        if kind == "weights":
            return self._weights(module, int(command.get("first", 0)), int(command.get("count", 16)))
        if kind == "biases":
            bias = getattr(module, "bias", None)
            values = [] if bias is None else self._numbers(bias.detach()[: self.MOST])
            return {"what": kind, "values": _base64(array.array("f", values))}
        if kind == "histogram":
            return self._histogram(module.weight.detach(), int(command.get("bins", 60)))
        raise ValueError(f"unknown probe {kind!r}")

    @staticmethod
    def _numbers(tensor: Any) -> List[float]:
        return tensor.float().cpu().flatten().tolist()  # type: ignore[no-any-return]

    def _weights(self, module: Any, first: int, count: int) -> Dict[str, Any]:
        weight = module.weight.detach()
        row = max(1, int(weight[0].numel())) if len(weight) else 1
        rows = weight[first : first + max(1, min(count, self.MOST // row))]
        largest = float(weight.abs().max()) if weight.numel() else 0.0
        values = _base64(array.array("f", self._numbers(rows)))
        return {
            "what": "weights",
            "shape": [int(n) for n in rows.shape],
            "largest": largest if math.isfinite(largest) else 0.0,
            "values": values,
        }

    @staticmethod
    def _histogram(weight: Any, bins: int) -> Dict[str, Any]:
        bins = max(1, min(bins, 1000))
        weight = weight.float().flatten()
        low, high = float(weight.min()), float(weight.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError("some weights are not finite")
        counts = [int(n) for n in weight.cpu().histc(bins=bins, min=low, max=high).tolist()]
        return {"what": "histogram", "low": low, "high": high, "counts": counts}

    def _gradients(self, index: int, module: Any) -> Dict[str, Any]:
        bias = getattr(module, "bias", None)

        def norm(parameter: Any) -> Optional[float]:
            gradient = getattr(parameter, "grad", None)
            return None if gradient is None else _finite(float(gradient.float().norm()))

        # The next step is measured, for the next answer.
        self._before[index] = self._sample(module).clone()
        return {
            "layer": index,
            "weights": norm(module.weight),
            "biases": norm(bias),
            "update": self._updates.get(index),
        }

    @staticmethod
    def _sample(module: Any) -> Any:
        return module.weight.detach().flatten()[:4096]

    @property
    def waits_for_a_step(self) -> bool:
        """Whether the next step is measured."""
        return bool(self._before)

    def measure_step(self) -> None:
        """Measures the norm of an update relative to that of up to 4,096 weights per layer."""
        for index, before in self._before.items():
            size = float(before.float().norm())
            change = float((self._sample(self.layers[index][1]) - before).float().norm())
            self._updates[index] = _finite(change / size) if size > 0 else None
        self._before.clear()

    def _look_at_activations(self) -> List[Dict[str, Any]]:
        """Activations of the first sample of the last batch; the first call installs hooks."""
        if not self._hooks:
            for index, (_, module) in enumerate(self.layers):
                self._hooks.append(module.register_forward_hook(self._hook(index)))
            raise Cannot("the activations come with the next step")
        out = []
        for index in range(len(self.layers)):
            seen = self._activations.get(index)
            if seen is None:
                out.append({"shape": [0], "values": ""})
                continue
            seen = self._thinned(seen.detach())
            values = _base64(array.array("f", self._numbers(seen)))
            out.append({"shape": [int(n) for n in seen.shape], "values": values})
        return out

    def _hook(self, index: int) -> Callable[..., None]:
        def remember(_module: Any, _inputs: Any, output: Any) -> None:
            if hasattr(output, "detach") and output.dim() > 1 and len(output):
                self._activations[index] = output.detach()[0]

        return remember

    def _thinned(self, tensor: Any) -> Any:
        if tensor.dim() == 1:
            return tensor[: self.SIDE * self.SIDE]
        if tensor.dim() == 2:
            return tensor[:: max(1, len(tensor) // self.SIDE), :4096]
        rows = max(1, int(tensor.shape[1]) // self.SIDE)
        columns = max(1, int(tensor.shape[2]) // self.SIDE)
        return tensor[: self.MAPS, ::rows, ::columns]


def _finite(value: float) -> Optional[float]:
    return value if math.isfinite(value) else None


def _one_line(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0] if text else ''}"


# -- adapters ----------------------------------------------------------------------------------


def _lightning_callbacks() -> Tuple[Any, ...]:
    """The class ``Callback`` of each Lightning package that the script has imported.

    A trainer refuses callbacks of the other package. If the script has imported neither, the first
    installed one is used.
    """
    packages = ("lightning.pytorch", "pytorch_lightning")
    imported = [name for name in packages if name in sys.modules]
    found: List[Any] = []
    for name in imported or packages:
        try:
            found.append(importlib.import_module(f"{name}.callbacks").Callback)
        except ImportError:
            continue
        if not imported:
            break
    if not found:
        raise ImportError("neither lightning nor pytorch_lightning is installed")
    return tuple(found)


def LightningCallback(**arguments: Any) -> Any:
    """A callback for ``Trainer(callbacks=[nntop.LightningCallback()])``.

    For ``lightning`` and ``pytorch_lightning``; the arguments are those of :func:`init`.
    """

    class NntopCallback(*_lightning_callbacks()):  # type: ignore[misc]
        def __reduce__(self) -> Any:
            # Strategies that start processes pickle the trainer with its callbacks.
            return functools.partial(LightningCallback, **arguments), ()

        def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
            self.run = init(**arguments)
            self.run._raises = False
            self.run.config(dict(getattr(pl_module, "hparams", {}) or {}))
            optimizers = trainer.optimizers
            configs = getattr(trainer, "lr_scheduler_configs", None) or ()
            schedulers = [config.scheduler for config in configs]
            if optimizers:
                self.run.learning_rate(optimizers[0], schedulers)
            self.run.watch(pl_module)

            def save(path: str) -> str:
                trainer.save_checkpoint(path + ".ckpt")
                return path + ".ckpt"

            self.run.on_checkpoint(save)

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            metrics = {k: v for k, v in trainer.callback_metrics.items()}
            if metrics and trainer.global_step % max(1, trainer.log_every_n_steps) == 0:
                self.run.log(metrics, step=trainer.global_step, epoch=trainer.current_epoch)
            self.run.step()
            if self.run.stopped:
                trainer.should_stop = True

        def on_validation_end(self, trainer: Any, *_: Any) -> None:
            if not trainer.sanity_checking:
                self.run.log(dict(trainer.callback_metrics), step=trainer.global_step)

    return NntopCallback()


def HFCallback(**arguments: Any) -> Any:
    """A callback for ``transformers.Trainer(callbacks=[nntop.HFCallback()])``."""
    from transformers import TrainerCallback

    class NntopCallback(TrainerCallback):  # type: ignore[misc, valid-type]
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.run = init(**arguments)
            self.run._raises = False
            self.wants_save: Optional[int] = None
            self.run.config({k: v for k, v in args.to_dict().items() if _is_scalar(v)})
            optimizer = kwargs.get("optimizer")
            if optimizer is not None:
                optimizer = getattr(optimizer, "optimizer", optimizer)
                self.run.learning_rate(optimizer, kwargs.get("lr_scheduler"))
            model = kwargs.get("model")
            if model is not None:
                self.run.watch(model)

                def save(path: str) -> str:
                    model.save_pretrained(path)
                    return path

                self.run.on_checkpoint(save)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs:
                self.run.log(logs, step=state.global_step, epoch=state.epoch)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            self.run.step()
            if self.run.stopped:
                control.should_training_stop = True
            return control

    return NntopCallback()


def KerasCallback(**arguments: Any) -> Any:
    """A callback for ``model.fit(…, callbacks=[nntop.KerasCallback()])``."""
    from keras.callbacks import Callback

    class NntopCallback(Callback):  # type: ignore[misc, valid-type]
        def on_train_begin(self, logs: Any = None) -> None:
            self.run = init(**arguments)
            self.run._raises = False
            self.run.config({k: v for k, v in (self.params or {}).items() if _is_scalar(v)})
            rate = _KerasRate(self.model)
            self.run.tunable("learning_rate", rate.get, rate.set)

            def save(path: str) -> str:
                self.model.save_weights(path + ".weights.h5")
                return path + ".weights.h5"

            self.run.on_checkpoint(save)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.run.log(dict(logs or {}))
            self.run.step()
            if self.run.stopped:
                self.model.stop_training = True

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.run.log({f"epoch/{k}": v for k, v in (logs or {}).items()}, epoch=epoch)

    return NntopCallback()


# -- learning rates ----------------------------------------------------------------------------

#: Attributes of PyTorch schedulers, and entries of parameter groups, that are learning rates.
_SCHEDULER_RATES = ("base_lrs", "max_lrs", "min_lrs", "_last_lr", "eta_min", "swa_lrs")
_GROUP_RATES = ("lr", "initial_lr", "max_lr", "min_lr", "swa_lr")


def _scale_rates(optimizer: Any, schedulers: Sequence[Any], value: float) -> None:
    """Scales every rate of optimizer and schedulers so that the first group's is ``value``."""
    if value <= 0:
        raise ValueError(f"a learning rate of {value} is not above 0")
    current = float(optimizer.param_groups[0]["lr"])
    if current == 0:
        raise ValueError("cannot scale a learning rate of 0 (warm-up has not begun)")
    factor = value / current
    for group in optimizer.param_groups:
        for key in _GROUP_RATES:
            if key in group and group[key] is not None:
                group[key] = _scaled(group[key], factor)
    seen: List[int] = []
    for scheduler in schedulers:
        _scale_scheduler(scheduler, factor, seen)


def _scale_scheduler(scheduler: Any, factor: float, seen: List[int]) -> None:
    if scheduler is None or id(scheduler) in seen:
        return
    seen.append(id(scheduler))
    for key in _SCHEDULER_RATES:
        rates = getattr(scheduler, key, None)
        if isinstance(rates, (list, tuple)):
            setattr(scheduler, key, type(rates)(_scaled(rate, factor) for rate in rates))
        elif isinstance(rates, (int, float)) and not isinstance(rates, bool):
            setattr(scheduler, key, rates * factor)
    for inner in getattr(scheduler, "_schedulers", None) or ():
        _scale_scheduler(inner, factor, seen)
    # accelerate wraps the scheduler.
    _scale_scheduler(getattr(scheduler, "scheduler", None), factor, seen)


def _scaled(rate: Any, factor: float) -> Any:
    if hasattr(rate, "mul_"):
        return rate.mul_(factor)
    return rate * factor


def _assign_keras(optimizer: Any, value: float) -> None:
    schedule = getattr(optimizer, "_learning_rate", None)
    if schedule is not None and callable(schedule) and not hasattr(schedule, "assign"):
        raise Cannot("cannot: the optimizer follows a LearningRateSchedule")
    optimizer.learning_rate.assign(value) if hasattr(
        optimizer.learning_rate, "assign"
    ) else setattr(optimizer, "learning_rate", value)


#: Aliases of the parameters that are usually changed.
_ALIASES = {"eta": "learning_rate", "lr": "learning_rate", "lambda": "weight_decay", "mu": "momentum"}


def _full_name(name: str, known: Dict[str, Any]) -> str:
    """The script's own name for a tunable that is given in another spelling or by an alias."""
    if name in known:
        return name

    def plain(text: str) -> str:
        return text.lower().replace(" ", "_").replace("-", "_")

    wanted = plain(name)
    for candidate in (wanted, _ALIASES.get(wanted, wanted)):
        for other in known:
            if plain(other) == candidate:
                return other
    return name


def _cannot_get() -> float:
    return math.nan


class _KerasRate:
    """The learning rate of a Keras model during ``fit``."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def get(self) -> float:
        self._check()
        return _number(self._model.optimizer.learning_rate)

    def set(self, value: float) -> None:
        self._check()
        if value <= 0:
            raise ValueError(f"a learning rate of {value} is not above 0")
        _assign_keras(self._model.optimizer, value)

    def _check(self) -> None:
        # During ``fit``, compiled code owns the variables of the optimizer.
        if getattr(self._model, "_jax_state", None) is not None:
            raise Cannot("cannot: with JAX, Keras keeps the learning rate inside fit")


def _cannot(why: str) -> Callable[[float], None]:
    def refuse(_value: float) -> None:
        raise Cannot(why)

    return refuse


def _cannot_set(_value: float) -> None:
    raise Cannot("cannot: the optimizer has no hyperparams; use optax.inject_hyperparams")


# -- values ------------------------------------------------------------------------------------


def _frozen(value: Any) -> Any:
    """A copy of a value that the training may change in place."""
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    if hasattr(value, "detach"):
        return value.detach().clone()
    return value.copy() if hasattr(value, "copy") and hasattr(value, "dtype") else value


def _number(value: Any) -> float:
    """A number from a number, or from a tensor or array of one element."""
    for name in ("item", "numpy"):
        read = getattr(value, name, None)
        if callable(read):
            return float(read())
    return float(value)


def _json_number(value: float) -> Any:
    """A number for JSON, which has no NaN and no infinity: those are sent as text."""
    return value if math.isfinite(value) else str(value)


def _encode(message: Any) -> Optional[bytes]:
    """Encodes a message as a line; ``None`` if it is too long or cannot be written as JSON."""
    try:
        if isinstance(message, tuple):
            if message[0] == "log":
                quick = _encode_log(*message[1:])
                if quick is not None:
                    return quick
            message = _unpack_sample(message)
        line = json.dumps(message, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    except (TypeError, ValueError, OverflowError):
        return None
    return line if len(line) <= LINE else None


#: Cache: names of metrics as JSON strings.
_QUOTED: Dict[str, str] = {}


def _encode_log(
    metrics: Dict[str, Any], step: Any, epoch: Optional[float], now: float
) -> Optional[bytes]:
    """Encodes plain numbers, three times faster than a dictionary; ``None`` for other values."""
    if epoch is not None or type(step) is not int:
        return None
    parts = []
    for name, value in metrics.items():
        if type(value) is float:
            if value - value != 0.0:  # infinite, or not a number
                return None
        elif type(value) is not int:
            return None
        quoted = _QUOTED.get(name)
        if quoted is None:
            if len(_QUOTED) > 10_000:
                _QUOTED.clear()
            quoted = _QUOTED[name] = json.dumps(str(name))
        parts.append(f"{quoted}:{value!r}")
    return f'{{"log":{{{",".join(parts)}}},"step":{step},"time":{now!r}}}\n'.encode()


def _unpack_sample(message: Tuple[Any, ...]) -> Dict[str, Any]:
    kind = message[0]
    if kind == "log":
        _, metrics, step, epoch, now = message
        values: Dict[str, Any] = {}
        for key, value in _flatten(metrics):
            try:
                values[str(key)] = _json_number(_number(value))
            except (TypeError, ValueError):
                continue
        out = {"log": values, "step": int(step), "time": now}
        if epoch is not None:
            out["epoch"] = float(epoch)
        return out
    if kind == "text":
        return {"text": {"tag": message[1], "text": message[2]}, "step": int(message[3]), "time": message[4]}
    return {kind: message[1], "step": int(message[3]), "time": message[4]}


def _flatten(values: Dict[str, Any], prefix: str = "") -> Iterator[Tuple[str, Any]]:
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flatten(value, f"{name}/")
        else:
            yield name, value


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    if isinstance(value, float):
        return _json_number(value)
    try:
        return _json_number(_number(value))
    except (TypeError, ValueError):
        return str(value)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str))


def _list(values: Any) -> List[Any]:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _floats(values: Any) -> List[float]:
    out: List[float] = []
    stack = [_list(values)]
    while stack:
        item = stack.pop()
        if isinstance(item, (list, tuple)):
            stack.extend(item)
        else:
            out.append(float(item))
    return out


def _images(images: Any) -> Tuple[bytes, Tuple[int, int, int, int]]:
    """Bytes of N images and their shape (N, height, width, channels), channels last."""
    if not isinstance(images, (list, tuple)):
        images = _numpy(images)
        if hasattr(images, "dtype") and hasattr(images, "tobytes"):
            return _image_array(images)
    batch = [_list(image) for image in images]
    if not batch:
        return b"", (0, 0, 0, 1)
    first = batch[0]
    channels_first = False
    if not isinstance(first[0][0], (list, tuple)):
        height, width, channels = len(first), len(first[0]), 1
    elif _is_channels_first((len(first), len(first[0]), len(first[0][0]))):
        channels_first = True
        channels, height, width = len(first), len(first[0]), len(first[0][0])
    else:
        height, width, channels = len(first), len(first[0]), len(first[0][0])
    if channels not in (1, 3):
        raise ValueError(f"images have {channels} channels, not 1 or 3")
    numbers: List[float] = []
    for image in batch:
        for y in range(height):
            for x in range(width):
                if channels_first:
                    numbers.extend(image[c][y][x] for c in range(channels))
                elif isinstance(image[y][x], (list, tuple)):
                    numbers.extend(image[y][x])
                else:
                    numbers.append(image[y][x])
    whole = all(isinstance(n, int) for n in numbers)
    scale = 1.0 if whole or max(numbers, default=0) > 1.0 else 255.0
    pixels = bytes(min(255, max(0, int(n * scale + 0.5))) if n == n else 0 for n in numbers)
    if len(pixels) != len(batch) * height * width * channels:
        raise ValueError("images differ in size")
    return pixels, (len(batch), height, width, channels)


def _is_channels_first(sides: Tuple[int, int, int]) -> bool:
    return sides[0] in (1, 3) and sides[2] not in (1, 3)


def _image_array(images: Any) -> Tuple[bytes, Tuple[int, int, int, int]]:
    """Like :func:`_images`, for a numpy array."""
    shape = tuple(int(side) for side in images.shape)
    if len(shape) == 3:
        images, shape = images.reshape(shape + (1,)), shape + (1,)
    if len(shape) != 4:
        raise ValueError(f"images of {len(shape)} dimensions, not 3 or 4")
    if _is_channels_first(shape[1:]):  # type: ignore[arg-type]
        images = images.transpose(0, 2, 3, 1)
        shape = tuple(int(side) for side in images.shape)
    if shape[3] not in (1, 3):
        raise ValueError(f"images have {shape[3]} channels, not 1 or 3")
    if images.dtype.kind == "f":
        largest = images.max() if images.size else 0.0
        scale = 1.0 if largest > 1.0 else 255.0
        images = (images.astype("float32") * scale + 0.5).clip(0, 255)
        images[images != images] = 0  # NaN
    elif images.dtype.kind == "b":
        images = images.astype("uint8") * 255
    return images.clip(0, 255).astype("uint8").tobytes(), shape  # type: ignore[return-value]


def _predictions(
    labels: Any,
    probabilities: Any,
    images: Any,
    ids: Optional[Sequence[Any]],
    classes: Optional[Sequence[str]],
) -> Dict[str, Any]:
    """The message with a model's predictions."""
    truth = [int(label) for label in _list(labels)]
    numbers, width = _rows(probabilities)
    count = len(numbers) // width if width else 0
    if len(truth) != count:
        raise ValueError(f"{len(truth)} labels, but {count} rows of probabilities")
    message: Dict[str, Any] = {
        "count": count,
        "classes": [str(c) for c in classes] if classes else [str(c) for c in range(width)],
        "labels": truth,
        "probabilities": _base64(numbers),
    }
    if ids is not None:
        message["ids"] = [str(i) for i in _list(ids)]
    if images is not None:
        pixels, shape = _images(images)
        if shape[0] != count:
            raise ValueError(f"{count} predictions, but {shape[0]} images")
        if len(pixels) * 4 // 3 > LINE // 2:
            raise ValueError(f"images of {len(pixels)} bytes, more than fit; report fewer of them")
        message.update(height=shape[1], width=shape[2], channels=shape[3])
        message["pixels"] = _base64(pixels)
    return message


def _rows(rows: Any) -> Tuple["array.array[float]", int]:
    """The values of a matrix, row by row, and the length of a row."""
    rows = _numpy(rows)
    if hasattr(rows, "dtype") and hasattr(rows, "tobytes"):
        if len(rows.shape) != 2:
            raise ValueError(f"probabilities of {len(rows.shape)} dimensions, not 2")
        numbers = array.array("f")
        numbers.frombytes(rows.astype("float32").tobytes())
        return numbers, int(rows.shape[1])
    table = [[float(p) for p in row] for row in _list(rows)]
    width = len(table[0]) if table else 0
    if any(len(row) != width for row in table):
        raise ValueError("rows of probabilities differ in length")
    return array.array("f", (p for row in table for p in row)), width


def _numpy(values: Any) -> Any:
    """Converts a tensor to a numpy array if numpy is installed; returns anything else unchanged."""
    if hasattr(values, "detach") and hasattr(values, "cpu"):
        values = values.detach().cpu()
        if hasattr(values, "float") and "bfloat16" in str(getattr(values, "dtype", "")):
            values = values.float()
        try:
            return values.numpy()
        except Exception:  # torch without numpy
            return values
    return values


def _base64(values: Any) -> str:
    if isinstance(values, array.array) and sys.byteorder == "big":
        values.byteswap()
    return base64.b64encode(bytes(values) if isinstance(values, bytes) else values.tobytes()).decode()


def _takes_argument(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(
        p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL) for p in parameters
    )


def _size(path: str) -> int:
    if os.path.isfile(path):
        return os.path.getsize(path)
    total = 0
    for directory, _, files in os.walk(path):
        total += sum(os.path.getsize(os.path.join(directory, name)) for name in files)
    return total


def _quiet(get: Callable[[], float]) -> Optional[float]:
    try:
        return float(get())
    except Exception:
        return None


# -- finding the session -----------------------------------------------------------------------

_run: Optional[Run] = None


def _rank() -> Tuple[int, int]:
    """Rank and number of ranks, from torch.distributed or the launcher's environment."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and _is_distributed(distributed):
        return distributed.get_rank(), distributed.get_world_size()
    try:
        return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    except ValueError:
        return 0, 1


def _is_distributed(distributed: Any) -> bool:
    """Whether a process group of torch.distributed exists."""
    return bool(distributed.is_available() and distributed.is_initialized())


#: Environment variable with the process id of the script that reports, for its children.
_REPORTER = "NNTOP_REPORTER"
#: Whether this process was forked from one that reports, or from a rank of a distributed training.
_is_forked_worker = False


def _is_worker(world: int) -> bool:
    """Whether another process reports for this one, such as for a worker of a ``DataLoader``.

    A child of multiprocessing is a worker, unless it is a rank: one of several, and not started
    by a process that reports.
    """
    if _is_forked_worker:
        return True
    if not _is_child_of_multiprocessing():
        return False
    return world == 1 or os.environ.get(_REPORTER, "") not in ("", str(os.getpid()))


def _connect(name: Optional[str]) -> Optional[_Link]:
    path = os.environ.get("NNTOP_SOCKET") or _start_session(name)
    if not path or not hasattr(socket, "AF_UNIX"):
        return None
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.settimeout(2.0)
        stream.connect(path)
        stream.settimeout(None)
        return _Link(stream)
    except OSError:
        stream.close()
        return None


def _start_session(name: Optional[str]) -> Optional[str]:
    """Starts a session for this script; returns the path of its socket, ``None`` if that fails."""
    program = os.environ.get("NNTOP") or shutil.which("nntop")
    if not program:
        return None
    arguments = [program, "client", "session", "--pid", str(os.getpid())]
    if name:
        arguments += ["--name", name]
    arguments += ["--", os.path.basename(sys.executable or "python"), *sys.argv]
    try:
        done = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=5, check=True
        )
        session = json.loads(done.stdout)
        os.environ.setdefault("NNTOP_RUN", session["run"])
        return str(session["socket"])
    except (OSError, ValueError, KeyError, subprocess.SubprocessError):
        return None


def _end() -> None:
    if _run is not None and _run._pid == os.getpid():
        failed = _failure or _failure_of_process()
        if _run._ranks_at_exit is not None:
            _run._ranks_at_exit.write_exit_file(failed)
        _run.finish(failed)


_failure: Optional[str] = None


def _failure_of_process() -> Optional[str]:
    """The exception that ends a child of multiprocessing, which does not call ``excepthook``."""
    error = sys.exc_info()[1]
    if isinstance(error, SystemExit):
        # torch.multiprocessing passes the exception to the parent and exits with code 1.
        error = error.__context__ if error.code else None
    return None if error is None else f"{type(error).__name__}: {error}"


def _end_with_process() -> None:
    """Calls :func:`_end` at the end of a child of multiprocessing, which may skip atexit."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _is_child_of_multiprocessing():
        util.Finalize(None, _end, exitpriority=0)


def _is_child_of_multiprocessing() -> bool:
    module = sys.modules.get("multiprocessing.process")
    return module is not None and module.current_process().name != "MainProcess"


def _remember_failures() -> None:
    """Records the exception that ends the script, then calls the previous ``excepthook``."""
    previous = sys.excepthook

    def hook(kind: Any, value: Any, trace: Any) -> None:
        global _failure
        _failure = f"{kind.__name__}: {value}"
        previous(kind, value, trace)

    sys.excepthook = hook


def _after_fork() -> None:
    """Disconnects a forked child: it has inherited the socket, but none of the threads."""
    global _is_forked_worker
    distributed = sys.modules.get("torch.distributed")
    is_reporting = _run is not None and not _run._closed
    if is_reporting or distributed is not None and _is_distributed(distributed):
        _is_forked_worker = True
    if _run is not None:
        link = _run._link
        _run._disconnect()
        if link is not None:
            link.abandon()


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

"""``%ray_debug`` and ``%ray_rerun``: look at a failed task, run it again, go on."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from IPython.core.debugger import set_trace
from IPython.core.error import UsageError
from IPython.core.magic import line_magic, magics_class, no_var_expand, output_can_be_silenced

from ray_jupyter import session
from ray_jupyter.errors import RayError, RayTaskError
from ray_jupyter.notebook import Shell, errors_shown
from ray_jupyter.notebook.arguments import MagicParser, explained_by
from ray_jupyter.notebook.extension import Extension, MagicGroup
from ray_jupyter.options import did_you_mean
from ray_jupyter.refs import ObjectRef
from ray_jupyter.remote import RemoteFunction
from ray_jupyter.runtime.client import task_errors
from ray_jupyter.runtime.client.running import RUNNING

if TYPE_CHECKING:
    from ray_jupyter.backends.base import Backend
    from ray_jupyter.runtime.client.failed import FailedCall


def _parser(magic: str) -> MagicParser:
    parser = MagicParser(magic)
    # For the help: what stands there may be any expression, which `_split` takes out before.
    parser.add_argument("ref", nargs="?", metavar="REF", help="a ref, or a list of refs")
    return parser


def _rerun_parser() -> MagicParser:
    parser = _parser("%ray_rerun")
    add = parser.add_argument
    add("--resume", action="store_true", help="run it on a worker; its refs become good")
    add("--with", dest="function", metavar="NAME", help="call this remote function instead")
    return parser


_DEBUG = _parser("%ray_debug")
_RERUN = _rerun_parser()


@magics_class
class DebugMagics(MagicGroup):
    """What to do when a task has failed."""

    parsers = (_DEBUG, _RERUN)

    def __init__(self, extension: Extension) -> None:
        super().__init__(extension)
        self._show_as_before = errors_shown.install(extension.shell)
        self._hook_before = sys.breakpointhook
        sys.breakpointhook = self._stop

    def detach(self) -> None:
        """Have IPython show errors its own way again."""
        self._show_as_before()
        if sys.breakpointhook == self._stop:
            sys.breakpointhook = self._hook_before

    def _stop(self, *args: Any, **kwargs: Any) -> Any:
        """Be ``breakpoint()``: in a task that runs here a kernel's own does nothing by itself.

        It waits for the debugger of the front end to be on; then that one stops.
        """
        debugpy = sys.modules.get("debugpy")
        is_on = debugpy is not None and debugpy.is_client_connected()
        if RUNNING.get() is None or is_on:
            return self._hook_before(*args, **kwargs)
        set_trace(sys._getframe(1))  # type: ignore[no-untyped-call]
        return None

    @explained_by(_DEBUG)
    @no_var_expand
    @line_magic
    def ray_debug(self, line: str) -> None:
        """Open the debugger in the frames of a failed task: %ray_debug [REF].

        The worker need not be there any more: variables are as they were when the task failed.
        Large ones are summaries; .fetch() of a summary returns it if it was an argument of the
        task. Without REF it is the last failure that was shown. After a cell that failed with
        the error of a task, %debug does the same.
        """
        words, expression = _split(_DEBUG, line)
        _DEBUG.parse_line(words)
        if expression:
            error = self._error_of(expression)
        elif task_errors.last_failure:
            error = task_errors.load_task_error(task_errors.last_failure[0])
        else:
            raise UsageError("%ray_debug: no task has failed here yet; name a ref: %ray_debug REF")
        if error.remote_traceback is None:
            raise UsageError(f"%ray_debug: no frame of yours is in this error: {error}")
        print(f"{type(error.innermost().cause).__name__} {error.where()}")
        _interact(self.shell, error.with_traceback(error.remote_traceback))

    @explained_by(_RERUN)
    @output_can_be_silenced
    @no_var_expand
    @line_magic
    def ray_rerun(self, line: str) -> Any:
        """Run a failed task again, with its arguments: %ray_rerun [--resume] [REF].

        Plainly, it runs here, in the notebook: breakpoints hold, %debug shows all of it, and its
        value is that of the line. With --resume it runs on a worker, and so does every task that
        failed because of it; refs to their results become good. REF may be a list of refs then.

        If a remote function of the same name is defined in the notebook by now, that is called.
        Without REF it is the task whose error was shown last.
        """
        __tracebackhide__ = True
        words, expression = _split(_RERUN, line)
        options = _RERUN.parse_line(words)
        backend = session.current
        if backend is None:
            raise UsageError("%ray_rerun: no session is running, so no task is remembered")
        tasks = self._tasks("%ray_rerun", expression)
        if options.resume:
            for task in tasks:
                print(self._resume(backend, task, options.function))
            return None
        if len(tasks) > 1:
            raise UsageError("%ray_rerun: name one ref to run it here, or say --resume")
        call = _call_of(backend, tasks[0])
        current, note = self._definition(call, options.function)
        function = call.function if current is None else current
        print(f"running {call.name} here, {note}")
        return function(*call.args, **call.kwargs)

    def _resume(self, backend: Backend, task: int, name: str | None) -> str:
        call = _call_of(backend, task)
        current, note = self._definition(call, name)
        template = None
        if current is not None:
            if current._template.num_returns != call.num_returns:
                current = current.options(num_returns=call.num_returns)
            template = current._template
        try:
            first, *others = backend.resume(task, template)
        except (LookupError, NotImplementedError) as problem:
            raise UsageError(f"%ray_rerun: {problem}") from None
        counted = Counter(others)
        needing = ", ".join(f"{k} {n}" if k > 1 else n for n, k in counted.items())
        return f"{first} runs again, {note}" + (f"; then {needing}" if needing else "")

    def _definition(
        self, call: FailedCall, name: str | None
    ) -> tuple[RemoteFunction[..., Any] | None, str]:
        """Return what the notebook calls by the name of the task now, and words for it."""
        variables = self.shell.user_ns
        if name is not None:
            chosen = variables.get(name)
            if not isinstance(chosen, RemoteFunction):
                known = [n for n, v in variables.items() if isinstance(v, RemoteFunction)]
                raise UsageError(
                    f"%ray_rerun: --with needs the name of a remote function of this notebook, "
                    f"got {name}{did_you_mean(name, known)}"
                )
            return chosen, f"as {name} is defined now"
        original = getattr(call.function, "__name__", call.name)
        current = variables.get(original)
        is_ours = getattr(call.function, "__module__", "__main__") == "__main__"
        if isinstance(current, RemoteFunction) and is_ours:
            return current, f"as {original} is defined now"
        return None, "as it was sent"

    def _tasks(self, magic: str, expression: str) -> list[int]:
        """Return ids by which the backend knows what failed; wait for those that have not ended."""
        if expression:
            refs = self._refs(magic, expression)
            for ref in refs:
                session.owner_of(ref).wait([ref.id], 1, None)
            return [ref.id for ref in refs]
        if not task_errors.last_failure:
            raise UsageError(f"{magic}: no task has failed here yet; name a ref: {magic} REF")
        error = task_errors.load_task_error(task_errors.last_failure[0])
        return [error.task_id]

    def _error_of(self, expression: str) -> RayTaskError:
        for ref in self._refs("%ray_debug", expression):
            try:
                session.owner_of(ref).get([ref.id], None)
            except RayTaskError as error:
                return error
            except RayError as error:
                text = f"%ray_debug: {expression} has no frames to look at: {error}"
                raise UsageError(text) from None
        raise UsageError(f"%ray_debug: no task of {expression} has failed")

    def _refs(self, magic: str, expression: str) -> list[ObjectRef[Any]]:
        """Return the refs that an expression stands for: one, or a list of them."""
        try:
            value = eval(expression, self.shell.user_global_ns, self.shell.user_ns)
        except Exception as problem:  # whatever the user's expression raises
            raise UsageError(f"{magic}: {expression} is no ref: {problem}") from None
        refs = [value] if isinstance(value, ObjectRef) else value
        if not isinstance(refs, (list, tuple)) or not all(isinstance(r, ObjectRef) for r in refs):
            raise UsageError(f"{magic}: expected a ref or a list of refs, got {value!r}")
        return list(refs)


def _split(parser: MagicParser, line: str) -> tuple[str, str]:
    """Return the options at the beginning and the end of a line, and the expression between."""
    words, options = line.split(), []
    while words and words[0].startswith("--"):
        options.append(words.pop(0))
        if options[-1] == "--with" and words:
            options.append(words.pop(0))
    while len(words) > 1 and words[-2] == "--with":
        options += [words.pop(-2), words.pop()]
    while words and words[-1].startswith("--"):
        options.append(words.pop())
    return " ".join(options), " ".join(words)


def _call_of(backend: Backend, task: int) -> FailedCall:
    try:
        return backend.failed_call(task)
    except LookupError as problem:
        raise UsageError(f"%ray_rerun: {problem}") from None


def _interact(shell: Shell, error: BaseException) -> None:
    """Do what %debug does, for this error, and leave %debug to it from now on."""
    sys.last_type, sys.last_value = type(error), error
    sys.last_traceback = shell.InteractiveTB.tb = error.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    shell.debugger(force=True)

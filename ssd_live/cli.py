"""Define the command line: its commands, the options of all commands, and the exit codes.

The package `commands` defines the arguments and options of each command and does its work.
"""

import contextlib
import functools
import inspect
import io
import itertools
import logging
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Protocol

import typer

from ssd_live import __version__
from ssd_live.commands import (
    bench,
    build_engine,
    check_data,
    compare,
    doctor,
    engines,
    evaluate,
    explain,
    export,
    index,
    live,
    models,
    process,
    project,
    quantize,
    report,
    reproduce,
    train,
)
from ssd_live.commands.config import defaults_of
from ssd_live.commands.interrupts import (
    cancelled_at_once,
    first_interrupts,
    forget_signals,
    signal_came,
)
from ssd_live.errors import CancelledError, SsdLiveError, UsageError
from ssd_live.system.child_process import interrupt_with_parent
from ssd_live.system.logs import DEFAULT_LEVEL, LEVELS, start_logging, stop_logging
from ssd_live.system.paths import one_line
from ssd_live.system.signals import ignore_signals, set_handler
from ssd_live.system.standard_streams import STREAM, text_to_stderr

_COMPLETE = "_SSD_LIVE_COMPLETE"
# The commands whose option `--json` may name a file.
_JSON_FILES = ("bench", "check-data", "compare", "eval", "live", "process", "reproduce")
_EXIT_FAILURE, _EXIT_USAGE, _EXIT_INTERRUPTED = 1, 2, 130
_logger = logging.getLogger(__name__)


class _Request(Protocol):
    """The arguments and options of one call of a command. `HELP` is the command's help text."""

    HELP: ClassVar[str]

    def run(self) -> int | None:
        """Run the command, and return its exit code, or None for 0."""


def _command_of(request: type[_Request]) -> Callable[..., int | None]:
    """Return a function for Typer that makes an object of the class `request` and runs it.

    `request` is the `Request` class of a command. Typer reads the arguments and options of the
    command from the fields of this class. The function returns the exit code, or None for 0.
    """

    @functools.wraps(request, updated=())
    def command(**values: Any) -> int | None:
        return request(**values).run()

    command.__doc__ = request.HELP
    return command


def _add(group: typer.Typer, name: str, command: Callable[..., int | None]) -> None:
    """Add the function `command` to the commands of `group`, under the name `name`.

    The docstring of the function becomes the help text of the command. Each paragraph of it becomes
    one line, so that the terminal wraps it at its own width.
    """
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    group.command(name, help=text)(command)


app = typer.Typer(
    name="ssd-live",
    help="Real-time object detection with SSD (Single Shot MultiBox Detector).",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_add(app, "live", _command_of(live.Request))
_add(app, "process", _command_of(process.Request))
_add(app, "bench", _command_of(bench.Request))
_add(app, "doctor", doctor.doctor)
_add(app, "export", _command_of(export.Request))
_add(app, "build", _command_of(build_engine.Request))
_add(app, "quantize", _command_of(quantize.Request))
_add(app, "train", _command_of(train.Request))
_add(app, "check-data", _command_of(check_data.Request))
_add(app, "eval", _command_of(evaluate.Request))
_add(app, "compare", _command_of(compare.Request))
_add(app, "report", _command_of(report.Request))
_add(app, "explain", _command_of(explain.Request))
_add(app, "reproduce", _command_of(reproduce.Request))

models_app = typer.Typer(help="List, inspect, download and import models.", no_args_is_help=True)
app.add_typer(models_app, name="models")
_add(models_app, "list", models.list_models)
_add(models_app, "info", models.show_model)
_add(models_app, "pull", models.pull_model)
_add(models_app, "import", models.import_model)

engines_app = typer.Typer(help="List, remove and import TensorRT engines.", no_args_is_help=True)
app.add_typer(engines_app, name="engines")
_add(engines_app, "list", engines.list_engines)
_add(engines_app, "clean", engines.clean_engines)
_add(engines_app, "import", engines.import_engine)


index_app = typer.Typer(
    help="Find again what was seen in recordings and results.", no_args_is_help=True
)
app.add_typer(index_app, name="index")
_add(index_app, "add", index.add_logs)
_add(index_app, "list", index.list_sources)
_add(index_app, "search", _command_of(index.SearchRequest))
_add(index_app, "export", _command_of(index.ExportRequest))
_add(index_app, "delete", _command_of(index.DeleteRequest))


project_app = typer.Typer(
    help="Teach your own objects: collect pictures, label them, train, judge and use a detector.",
    no_args_is_help=True,
)
app.add_typer(project_app, name="project")
_add(project_app, "new", _command_of(project.NewRequest))
_add(project_app, "show", _command_of(project.ShowRequest))
_add(project_app, "add", _command_of(project.AddRequest))
_add(project_app, "label", _command_of(project.LabelRequest))
_add(project_app, "train", _command_of(project.TrainRequest))
_add(project_app, "judge", _command_of(project.JudgeRequest))
_add(project_app, "use", _command_of(project.UseRequest))


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"ssd_live {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    log_level: Annotated[
        str,
        typer.Option(
            metavar="LEVEL",
            help="Lowest level of the log lines to show and to write to the log file: "
            f"{', '.join(LEVELS)}.",
        ),
    ] = DEFAULT_LEVEL,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="The same as --log-level info.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> int | None:
    return live.Request().run() if context.invoked_subcommand is None else None


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    `arguments` are the words after the program's name; by default they come from `sys.argv`. An
    error is printed in one line; with `--debug` it is raised instead, so that its traceback is
    shown. The first words `run-trial`, `measure-backends`, `check-model`, `check-detector`,
    `run-bench`, `run-desktop` and `run-worker` are internal: this program starts itself with one of
    them as a child process.
    """
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["run-trial"]:
        from ssd_live.selection.trial import main as run_trial

        return run_trial(words[1:])
    if words[:1] == ["measure-backends"]:
        from ssd_live.selection.background_child import run_as_child as measure_backends

        return measure_backends(words[1:])
    if words[:1] == ["check-model"]:
        from ssd_live.selection.guard import run_as_child as run_guard

        return run_guard(words[1:])
    if words[:1] == ["check-detector"]:
        from ssd_live.evaluation.other_detectors import run_as_child as run_check

        return run_check(words[1:])
    if words[:1] == ["run-bench"]:
        from ssd_live.bench.worker import run_as_child as run_bench

        return run_bench(words[1:])
    if words[:1] == ["run-desktop"]:
        from ssd_live.actions.desktop import run_as_child as run_desktop

        return run_desktop(words[1:])
    if words[:1] == ["run-worker"]:
        from ssd_live.remote.server import main as run_worker

        return run_worker(words[1:])
    if _COMPLETE in os.environ:
        # The shell asks for completions of the words.
        app(words, prog_name="ssd-live")
        return 0
    for stream in (sys.stdout, sys.stderr):
        # A file name may not be valid Unicode, and a terminal may lack a character. Print such
        # characters as escapes, so that they do not stop the program.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        words = _with_json_places(_start_logging(words))
        # Commands that end in another way set handlers of their own.
        forget_signals()
        interrupt_with_parent()
        with cancelled_at_once("interrupted"), _data_alone(words):
            code: Any = app(words, standalone_mode=False, default_map=defaults_of(app))
        return int(code or 0)
    except SsdLiveError as error:
        if debug:
            raise
        if isinstance(error, CancelledError):
            _say(str(error))
            return _EXIT_INTERRUPTED
        _say(f"error: {error}")
        return _EXIT_USAGE if isinstance(error, UsageError) else _EXIT_FAILURE
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted")
        return _EXIT_INTERRUPTED
    except Exception as error:
        if debug:
            raise
        _logger.debug("%s failed", " ".join(words), exc_info=True)
        if signal_came():
            # Some libraries turn an interrupt into an error of their own.
            _say("interrupted")
            return _EXIT_INTERRUPTED
        return _unexpected(error)
    finally:
        stop_logging()


def _with_json_places(words: list[str]) -> list[str]:
    """Return the words with `-`, the standard output, after each `--json` that names no file.

    Commands whose `--json` never names a file are left as they are.
    """
    if words[:1] not in [[name] for name in _JSON_FILES]:
        return words
    placed: list[str] = []
    for number, word in enumerate(words):
        placed.append(word)
        following = words[number + 1] if number + 1 < len(words) else "--"
        if word == "--json" and following.startswith("-") and following != STREAM:
            placed.append(STREAM)
    return placed


def _data_alone(words: list[str]) -> contextlib.AbstractContextManager[None]:
    """Return a with-block in which text goes to stderr if data goes to the standard output."""
    has_data = any(
        following == STREAM and word in ("--json", "-o", "--output", "--detections", "--stats")
        for word, following in itertools.pairwise(words)
    )
    return text_to_stderr() if has_data else contextlib.nullcontext()


def run() -> int:
    """Run the program with the words of its command line, and return the exit code.

    This is the entry point of the process. After a signal, further ones are ignored, so that the
    exit code stays the same and nothing else is printed.
    """
    try:
        set_handler(first_interrupts)
        code = main()
    except KeyboardInterrupt:
        _say("interrupted")
        code = _EXIT_INTERRUPTED
    # Ray handles signals itself while it starts.
    if signal_came() or code == _EXIT_INTERRUPTED:
        ignore_signals()
        if "ray" in sys.modules:
            # If its start was interrupted, Ray crashes while Python exits.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return code


def _start_logging(words: list[str]) -> list[str]:
    """Start logging at the level of the logging options in `words`, and return the other words.

    The logging options may stand anywhere before `--`. Raises `UsageError` if the level does not
    exist.
    """
    level, others = DEFAULT_LEVEL, []
    remaining = iter(words)
    for word in remaining:
        if word == "--":
            others += [word, *remaining]
        elif word in ("-v", "--verbose"):
            level = "info"
        elif word in ("-q", "--quiet"):
            level = "error"
        elif word == "--log-level":
            level = next(remaining, "")
        elif word.startswith("--log-level="):
            level = word.partition("=")[2]
        else:
            others.append(word)
    start_logging(level)
    return others


def _unexpected(error: Exception) -> int:
    """Print an error that is not an `SsdLiveError`, and return the exit code of the program.

    The code is 2 for wrong usage, which the command-line library reports with its own exceptions.
    It is 1 for all other errors, which come from the operating system or are bugs of this program.
    """
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        # Remove the library's prefix and full stop, because more text follows the message.
        message = error.format_message().replace("Value error, ", "").rstrip(".")
        _say(f"error: {message}; see --help")
        return _EXIT_USAGE
    if isinstance(error, BrokenPipeError):
        return _EXIT_FAILURE
    if isinstance(error, OSError) and error.strerror:
        _say(
            f"error: {error.filename or 'a file'}: {error.strerror.lower()}; check the path and "
            "its permissions"
        )
        return _EXIT_FAILURE
    if isinstance(error, MemoryError):
        _say("error: there is not enough memory; close other programs or process a smaller image")
        return _EXIT_FAILURE
    _say(
        f"error: {type(error).__name__}: {next(iter(str(error).splitlines()), 'no message')}; run "
        "again with --debug and report the error with its traceback"
    )
    return _EXIT_FAILURE


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(f"{one_line(line)}\n", end="", file=sys.stderr, flush=True)

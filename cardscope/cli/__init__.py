"""The command line: words in, one library call, a rendering out, an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from cardscope.cli.commands import COMMANDS, cli
from cardscope.errors import CardscopeError

__all__ = ["cli", "main"]

DONE, NO, CANNOT = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits: 0 done, 1 the verdict is no, 2 it could not be done."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Runs one command and returns its exit code; errors go to standard error as one line and one hint."""
    try:
        code = cli.main(args=_with_command(list(argv)), prog_name="cardscope", standalone_mode=False)
        sys.stdout.flush()
    except CardscopeError as error:
        return _fail(error.message, error.hint)
    except click.ClickException as error:
        return _fail(error.format_message(), _usage_hint(error))
    except click.exceptions.Abort:
        return _fail("interrupted", "the same command starts again")
    except BrokenPipeError:
        # The reader went away (head, less): nothing is wrong, and nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        return _fail(f"{error.strerror or error}{place}", "check the path, who owns it, and the room there")
    except Exception as error:  # noqa: BLE001 - a fault of our own is still one line and a hint
        return _fail(
            f"{type(error).__name__}: {error}"[:800], "a fault of cardscope: HF_DEBUG=1 shows where, to report"
        )
    return code if isinstance(code, int) else DONE


def _with_command(argv: list[str]) -> list[str]:
    """A first word that is no command is a model (or an option of the report)."""
    if not argv or argv[0] in COMMANDS or argv[0] in {"--help", "-h", "--version"}:
        return argv or ["--help"]
    return ["report", *argv]


def _usage_hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path.removesuffix(" report") if context else "cardscope"
    return f"`{path} --help` shows what there is"


def _fail(message: str, hint: str | None) -> int:
    if os.environ.get("HF_DEBUG") == "1" and sys.exc_info()[0] is not None:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    # Foreign strings may sit in a message: one line, no control characters.
    for word, text in (("Error", message), ("Hint", hint)):
        if text:
            clean = "".join(char if char.isprintable() else " " for char in text)
            print(f"{word}: {clean}", file=sys.stderr)  # noqa: T201 - the talk channel
    return CANNOT

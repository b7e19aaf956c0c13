"""The build of the pages, from the folder web/ of a clone into the folder `static` of this package.

It works in `web/.build`, where nothing else looks, and ends with one rename, so a page is whole or not there:

    lock        held (flock) by whoever builds
    progress    what is being done, or in the end why nothing came of it
    work/       a copy of the sources, with the packages and what is made of them; gone when it is over
    packages/   node_modules, kept for the next build with the same lock file

`python -m atrium.web.build` builds for a server, and ends with it: it reads its standard input, whose other end only
the server holds, and at the end of that ends itself and whatever it has started.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import IO

from atrium.embedded.process import take_lock
from atrium.web.node import NodeFailed, NodeMissing, find_node, run_node, run_npm

__all__ = [
    "CLONE",
    "STATIC",
    "BuildFailed",
    "WebAction",
    "build_for_person",
    "build_pages",
    "has_sources",
    "is_built",
    "is_current",
    "read_progress",
    "source_digest",
]

APPS = ("explorer", "backoffice")

CLONE = Path(__file__).parents[2]
SOURCES = CLONE / "web"
STATIC = Path(__file__).parent / "static"
BUILD = SOURCES / ".build"
OTHER_SOURCES = ("schema.graphql", "clients/scalars.json", "clients/graphcacheKeys.ts", "docs/schema/examples")
MADE = {"node_modules", ".build", "dist", "gql"}  # within web/, and no sources
DIGEST_FILE = "sources.sha256"
AGAIN = "`uv run atrium web build` tries it again"
LOCK_SECONDS = 300.0


class WebAction(StrEnum):
    """What `atrium web` does."""

    BUILD = "build"


class BuildFailed(Exception):
    """The pages were not built; the message is one sentence that says what is missing."""


def has_sources() -> bool:
    """Return whether this is a clone, where the pages can be built."""
    return (SOURCES / "package-lock.json").is_file()


def is_built() -> bool:
    """Return whether there are pages to serve."""
    return all((STATIC / app / "index.html").is_file() for app in APPS)


def is_current() -> bool:
    """Return whether the pages were built from the sources as they are now."""
    file = STATIC / DIGEST_FILE
    return is_built() and file.is_file() and file.read_text(encoding="ascii") == source_digest()


def source_digest() -> str:
    """Return the digest of the sources as they are now."""
    return _digest(_sources())


def read_progress() -> str | None:
    """Return what a build says of itself: what it does, or why it failed; None if there is none."""
    try:
        text = (BUILD / "progress").read_text(encoding="utf-8")
        return text.removeprefix(_FAILED) if text.startswith(_FAILED) or _is_locked() else None
    except OSError:
        return None


def build_pages(say: Callable[[str], None]) -> None:
    """Build the pages, and tell `say` what is being done.

    Raises:
        BuildFailed: Node, npm's registry or the right to write is missing, or the sources are faulty.
    """
    try:
        BUILD.mkdir(exist_ok=True)
        with _take_build_lock() as _lock:
            try:
                _build_in_place(say)
            except (NodeFailed, NodeMissing, subprocess.TimeoutExpired) as error:
                sentence = _describe(error)
                _write_progress(_FAILED + sentence)
                raise BuildFailed(sentence) from error
    except OSError as error:
        raise BuildFailed(f"The pages are not built: {error}.") from error


_FAILED = "failed: "


def _describe(error: NodeFailed | NodeMissing | subprocess.TimeoutExpired) -> str:
    if isinstance(error, NodeMissing):
        return f"The pages are not built: {error}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"The pages are not built: it takes too long; {AGAIN}."
    if error.unreachable:
        return f"The pages are not built: npm does not reach its registry ({error.unreachable}); {AGAIN}."
    return f"The pages are not built: {error}"


def _take_build_lock() -> IO[str]:
    lock = take_lock(BUILD / "lock", LOCK_SECONDS)
    if lock is None:
        raise BuildFailed("The pages are not built: another build does not end.")
    return lock


def _is_locked() -> bool:
    lock = take_lock(BUILD / "lock")
    if lock is not None:
        lock.close()
    return lock is None


def _build_in_place(say: Callable[[str], None]) -> None:
    """Build under the lock. Whoever waited for it may find everything done."""
    if is_current():
        return
    work = BUILD / "work"
    shutil.rmtree(work, ignore_errors=True)
    sources = list(_sources())
    for path in sources:
        copy = work / path.relative_to(CLONE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    web = work / "web"
    find_node()
    kept = BUILD / "packages" / _digest([web / "package-lock.json"])[:16]
    if kept.exists():
        kept.rename(web / "node_modules")
    else:
        _tell("installing npm's packages, once for each state of web/package-lock.json", say)
        run_npm(web, "ci", "--ignore-scripts", "--omit=dev")
    try:
        result = _compile(web, say)
    finally:
        shutil.rmtree(BUILD / "packages", ignore_errors=True)
        kept.parent.mkdir()
        (web / "node_modules").rename(kept)
    (result / DIGEST_FILE).write_text(_digest(sources), encoding="ascii")
    if STATIC.exists():
        STATIC.rename(work / "replaced")
    result.rename(STATIC)
    (BUILD / "progress").unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)


def _compile(web: Path, say: Callable[[str], None]) -> Path:
    """Make the pages of the packages and the sources; return the folder that holds them."""
    packages, result = web / "node_modules", web / "result"
    _tell("generating types from schema.graphql", say)
    run_node(web, packages / "@graphql-codegen/cli/esm/bin.js", "--config", "codegen.ts", name="graphql-codegen")
    for app in APPS:
        _tell(f"compiling web/{app}", say)
        config = f"{app}/vite.config.ts"
        run_node(web, packages / "vite/bin/vite.js", "build", "--config", config, "--logLevel", "error", name="vite")
        result.mkdir(exist_ok=True)
        (web / app / "dist").rename(result / app)
    return result


def _tell(text: str, say: Callable[[str], None]) -> None:
    _write_progress(text)
    say(text)


def _write_progress(text: str) -> None:
    (BUILD / "progress").write_text(text, encoding="utf-8")


def _sources() -> Iterator[Path]:
    """Return the files that the pages are made of, in one order."""
    paths = [CLONE / other for other in OTHER_SOURCES]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    for folder, folders, names in os.walk(SOURCES):
        folders[:] = [name for name in folders if name not in MADE]
        files += [Path(folder, name) for name in names]
    return iter(sorted(file for file in files if file.is_file()))


def _digest(files: Iterator[Path] | list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(b"%s\0%s\0" % (file.name.encode(), hashlib.sha256(file.read_bytes()).digest()))
    return digest.hexdigest()


def build_for_person(say: Callable[[str], None]) -> bool:
    """Build the pages for the person who called for it; return whether they are built."""
    if not has_sources():
        say("This works in a checkout of Atrium, where the sources of its pages are.")
        return False
    try:
        build_pages(lambda text: say(text[:1].upper() + text[1:]))
    except BuildFailed as failure:
        say(str(failure))
        return False
    say("The pages are built.")
    return True


def _end_with_server() -> None:
    os.read(sys.stdin.fileno(), 1)  # not by its buffer, whose lock would be in the way of the interpreter's end
    os.killpg(0, signal.SIGKILL)


def _build_for_server() -> int:
    """Build and say so, line by line; return the exit status."""
    os.nice(10)
    threading.Thread(target=_end_with_server, daemon=True).start()
    try:
        build_pages(lambda text: print(text, flush=True))  # noqa: T201  # for the server, which reads it
    except BuildFailed as failure:
        print(failure, flush=True)  # noqa: T201  # likewise
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_build_for_server())

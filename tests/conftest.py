from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import vl_convert
from models import REPOSITORY, make_tiny, mistral_folder, real_model

from harmonia.models import LocalModel, ModelSettings, load_model, load_tokenizer
from harmonia.world import write_lab_data

# Warnings between libraries that no code of ours can prevent.
THIRD_PARTY_WARNINGS = (
    # peft 0.21 asks transformers 5 for an attribute by its old name, when an adapter is made.
    "`is_gradient_checkpointing` is deprecated and will be removed in v6:FutureWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    _as_in_a_plain_terminal()
    for message in THIRD_PARTY_WARNINGS:
        config.addinivalue_line("filterwarnings", f"ignore:{message}")


def _as_in_a_plain_terminal() -> None:
    """What the tests were started from changes nothing of what their commands inherit."""
    for name in ("COLUMNS", "LINES"):  # Rich would take them for the size of a test's own terminal
        os.environ.pop(name, None)
    # Under `nohup` and in the background of a shell they are ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("models"):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish(session: pytest.Session) -> None:
    # Each training looks through all objects for garbage: half a second where those of the libraries count.
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def data_root() -> Path:
    named = os.environ.get("HARMONIA_DATA_ROOT")
    # Whole, as tests change the working directory and make names it from the checkout.
    root = (Path(named) if named else REPOSITORY.parent / "shared" / "data").resolve()
    if not (root / "exams").is_dir():
        pytest.skip(f"no exam data at {root}: set HARMONIA_DATA_ROOT")
    return root


@pytest.fixture(scope="session")
def lab_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the lab's world 0, to be read only."""
    folder = tmp_path_factory.mktemp("lab") / "data"
    write_lab_data(folder, 0)
    return folder


@pytest.fixture(scope="session", autouse=True)
def same_charts_drawn_once() -> Iterator[None]:
    """Reports of tests differ in a cell or two: a chart that is the same in every byte is drawn once."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("vegalite_to_svg", "svg_to_png"):
            patch.setattr(vl_convert, name, drawn_once(getattr(vl_convert, name)))
        yield


def drawn_once(draw: Any) -> Any:
    known: dict[str, Any] = {}

    def drawn(chart: Any, **options: Any) -> Any:
        key = repr((chart, options))
        if key not in known:
            known[key] = draw(chart, **options)
        return known[key]

    return drawn


@pytest.fixture
def single_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelSettings]:
    """Folders of tiny models by architecture, each made once."""
    return cache(lambda name: make_tiny(name, tmp_path_factory.mktemp(f"tiny-{name}")))


@pytest.fixture(scope="session")
def tiny_loaded(tiny: Callable[[str], ModelSettings]) -> Callable[[str], LocalModel]:
    return cache(lambda name: load_model(tiny(name)))


@pytest.fixture(scope="session")
def real_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """Tokenizers of real models by name (`mistral`, `gemma3`, `smollm2`, `qwen`), each read once."""

    @cache
    def read(name: str) -> Any:
        if name == "mistral":
            return load_tokenizer(mistral_folder(tmp_path_factory.mktemp("mistral")))
        return load_tokenizer(real_model(name))

    return read


@pytest.fixture(scope="session")
def smollm2() -> LocalModel:
    return load_model(real_model("smollm2"))

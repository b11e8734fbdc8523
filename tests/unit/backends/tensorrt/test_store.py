"""The engine store: what this user saved is found again, and nothing else is ever handed out."""

import contextlib
import hashlib
import hmac
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ssd_live.backends.tensorrt.store import EngineKey, EngineStore, Manifest, Parity, SignedFile
from ssd_live.errors import ModelFileError, OutputError
from ssd_live.system.atomic_files import atomic_write

ENGINE, OTHER_ENGINE = b"engine" * 100, b"another" * 100
LONG_AGO = 1_000_000_000
# Processes start anew: threads of other tests are not to be forked.
PROCESSES = multiprocessing.get_context("spawn")


def key_with(**changes: Any) -> EngineKey:
    fields: dict[str, Any] = {
        "model": "tiny",
        "model_sha256": "a" * 64,
        "flavour": "tensorrt-rtx",
        "version": "1.7.1.116",
        "gpu": "NVIDIA GeForce RTX 4060",
        "compute_capability": "8.9",
        "driver": "580.1",
        "precision": "fp16",
        "batches": (1, 1, 8),
        "workspace_mb": 0,
        "targets": (),
    }
    return EngineKey.model_validate(fields | changes)


KEY = key_with()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineStore:
    """At the places that a user has."""
    monkeypatch.setenv("SSD_LIVE_ENGINES", str(tmp_path / "engines"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return EngineStore()


def secret_of(tmp_path: Path) -> Path:
    return tmp_path / "config" / "ssd_live" / "engine.key"


def place_of(store: EngineStore, key: EngineKey = KEY) -> Path:
    return store.folder / f"{key.model}-{key.digest}.engine.json"


def refusal(store: EngineStore, key: EngineKey = KEY) -> str:
    """What `find` says instead of giving an engine: one line."""
    with pytest.raises(ModelFileError) as caught:
        store.find(key)
    said = str(caught.value)
    assert "\n" not in said
    return said


def edited(place: Path, **changes: object) -> None:
    place.write_text(json.dumps(json.loads(place.read_text()) | changes))


def signed_anew(place: Path, secret: Path, **changes: object) -> None:
    """As somebody with that key would write it."""
    content = json.loads(place.read_text()) | changes
    del content["hmac"]
    signature = hmac.new(
        secret.read_bytes(),
        Manifest.model_validate(content).model_dump_json().encode(),
        hashlib.sha256,
    ).hexdigest()
    place.write_text(json.dumps(content | {"hmac": signature}))


def test_what_was_saved_is_found_by_another_run(store: EngineStore) -> None:
    saved = store.save(KEY, ENGINE, 12.345)
    assert EngineStore().find(KEY) == (saved, ENGINE)
    assert (saved.seconds, saved.engine_bytes, saved.imported, saved.parity.state) == (
        12.35,
        len(ENGINE),
        False,
        "not run",
    )


def test_an_empty_store_has_nothing_and_is_not_made_by_looking(store: EngineStore) -> None:
    assert store.find(KEY) is None
    assert list(store.every()) == []
    assert store.orphans() == []
    assert not store.folder.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "tinier"},
        {"model_sha256": "b" * 64},
        {"flavour": "tensorrt"},
        {"version": "1.7.2"},
        {"gpu": "NVIDIA GeForce RTX 4070"},
        {"gpu": ""},
        {"compute_capability": "8.6"},
        {"driver": "590.0"},
        {"precision": "fp32"},
        {"batches": (1, 1, 4)},
        {"workspace_mb": 512},
        {"targets": ("sm89",)},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_an_engine_for_anything_else_is_not_found(
    store: EngineStore, changes: dict[str, Any]
) -> None:
    store.save(KEY, ENGINE, 1.0)
    assert store.find(key_with(**changes)) is None


def test_an_edited_engine_is_refused(store: EngineStore) -> None:
    saved = store.save(KEY, ENGINE, 1.0)
    (store.folder / saved.engine).write_bytes(ENGINE[:-1] + b"!")
    assert "was changed since it was built" in refusal(store)


def test_a_half_written_engine_is_refused(store: EngineStore) -> None:
    saved = store.save(KEY, ENGINE, 1.0)
    os.truncate(store.folder / saved.engine, 17)
    assert "was changed since it was built" in refusal(store)


def test_a_missing_engine_is_refused(store: EngineStore) -> None:
    saved = store.save(KEY, ENGINE, 1.0)
    (store.folder / saved.engine).unlink()
    assert "cannot be read (no such file or directory)" in refusal(store)


def test_a_folder_in_place_of_an_engine_is_refused(store: EngineStore) -> None:
    saved = store.save(KEY, ENGINE, 1.0)
    (store.folder / saved.engine).unlink()
    (store.folder / saved.engine).mkdir()
    assert "cannot be read (is a directory)" in refusal(store)


@pytest.mark.parametrize(
    "changes",
    [
        {"engine_sha256": hashlib.sha256(OTHER_ENGINE).hexdigest()},
        {"imported": True},
        {"parity": {"state": "passed", "share": 1.0, "expected": 9, "basis": "lies"}},
        {"hmac": "0" * 64},
        {"hmac": "größer"},
        {"hmac": "\ud800"},
        {"hmac": None},
    ],
    ids=lambda changes: ascii(changes)[:40],
)
def test_an_edited_manifest_is_refused(store: EngineStore, changes: dict[str, object]) -> None:
    store.save(KEY, ENGINE, 1.0)
    edited(place_of(store), **changes)
    assert "was not written by you, or was changed" in refusal(store)


def test_an_engine_with_a_manifest_changed_to_match_is_refused(store: EngineStore) -> None:
    saved = store.save(KEY, ENGINE, 1.0)
    (store.folder / saved.engine).write_bytes(OTHER_ENGINE)
    edited(
        place_of(store),
        engine_sha256=hashlib.sha256(OTHER_ENGINE).hexdigest(),
        engine_bytes=len(OTHER_ENGINE),
    )
    assert "was not written by you, or was changed" in refusal(store)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"\xff\xfe",
        b"{}",
        b'{"hmac": ""}',
        b"[" * 100_000,
        b'{"hmac": "0", "key": {"model": "\\ud800"}}',
        b"\0" * 4096,
    ],
    ids=lambda content: ascii(content[:12]),
)
def test_what_is_no_manifest_is_refused(store: EngineStore, content: bytes) -> None:
    store.save(KEY, ENGINE, 1.0)
    place_of(store).write_bytes(content)
    assert "is not an engine manifest" in refusal(store)
    ((_, trouble),) = store.every()
    assert isinstance(trouble, ModelFileError)
    store.remove(place_of(store))
    assert store.find(KEY) is None


def test_a_half_written_manifest_is_refused(store: EngineStore) -> None:
    store.save(KEY, ENGINE, 1.0)
    os.truncate(place_of(store), place_of(store).stat().st_size // 2)
    assert "is not an engine manifest" in refusal(store)


def test_a_manifest_without_a_signature_is_refused(store: EngineStore) -> None:
    store.save(KEY, ENGINE, 1.0)
    content = json.loads(place_of(store).read_text())
    del content["hmac"]
    place_of(store).write_text(json.dumps(content))
    assert "is not an engine manifest" in refusal(store)


def test_a_manifest_signed_by_another_user_is_refused(store: EngineStore, tmp_path: Path) -> None:
    EngineStore(store.folder, tmp_path / "theirs" / "engine.key").save(KEY, ENGINE, 1.0)
    assert "was not written by you" in refusal(store)


def test_a_manifest_under_the_name_of_another_key_is_refused(store: EngineStore) -> None:
    """A sound engine of another model, or for another GPU, is not the one that was asked for."""
    store.save(KEY, ENGINE, 1.0)
    other = key_with(gpu="NVIDIA H100")
    shutil.copy(place_of(store), place_of(store, other))
    assert "is the manifest of another engine" in refusal(store, other)
    assert store.find(KEY) is not None


def test_a_copied_manifest_is_not_listed_as_sound(store: EngineStore) -> None:
    store.save(KEY, ENGINE, 1.0)
    shutil.copy(place_of(store), store.folder / "a-copy.engine.json")
    found = dict(store.every())
    assert isinstance(found[store.folder / "a-copy.engine.json"], ModelFileError)
    assert isinstance(found[place_of(store)], Manifest)


@pytest.mark.parametrize(
    "name", ["../outside.engine", "/tmp/outside.engine", "sub/inside.engine", ""]
)
def test_a_manifest_that_names_a_path_outside_its_folder_is_refused_even_if_signed(
    store: EngineStore, tmp_path: Path, name: str
) -> None:
    store.save(KEY, ENGINE, 1.0)
    (store.folder.parent / "outside.engine").write_bytes(ENGINE)
    signed_anew(place_of(store), secret_of(tmp_path), engine=name)
    refusal(store)


@pytest.mark.parametrize(
    "model", ["../evil", "/etc/evil", "a/b", "", ".hidden", "two\nlines", "x" * 101]
)
def test_a_key_that_would_lead_out_of_the_store_cannot_be_made(model: str) -> None:
    with pytest.raises(ValueError, match="model"):
        key_with(model=model)


def test_a_key_with_what_moves_a_terminals_cursor_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="version"):
        key_with(version="1.7\x1b[1A")


def test_a_signature_is_checked_before_an_engine_is_read(store: EngineStore) -> None:
    """A pipe in the engine's place would block whoever opens it."""
    saved = store.save(KEY, ENGINE, 1.0)
    edited(place_of(store), imported=True)
    (store.folder / saved.engine).unlink()
    os.mkfifo(store.folder / saved.engine)
    assert "was not written by you" in refusal(store)


def test_a_replaced_engine_takes_the_old_file_with_it(store: EngineStore) -> None:
    first = store.save(KEY, ENGINE, 1.0)
    second = store.save(KEY, OTHER_ENGINE, 1.0)
    assert first.engine != second.engine
    assert sorted(path.name for path in store.folder.iterdir()) == sorted(
        [second.engine, place_of(store).name]
    )
    assert store.find(KEY) == (second, OTHER_ENGINE)


def test_the_same_engine_saved_again_is_still_there(store: EngineStore) -> None:
    store.save(KEY, ENGINE, 1.0)
    again = store.save(KEY, ENGINE, 2.0)
    assert store.find(KEY) == (again, ENGINE)
    assert len(list(store.folder.iterdir())) == 2


def test_a_refused_engine_is_replaced_by_a_new_one(store: EngineStore) -> None:
    store.save(KEY, ENGINE, 1.0)
    place_of(store).write_text("{")
    saved = store.save(KEY, OTHER_ENGINE, 1.0)
    assert store.find(KEY) == (saved, OTHER_ENGINE)


def test_an_engine_replaced_while_it_is_being_read_is_found_all_the_same(
    store: EngineStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(KEY, ENGINE, 1.0)
    read = store.read

    def read_and_then_replaced(place: Path) -> Manifest:
        manifest = read(place)
        monkeypatch.undo()
        EngineStore(store.folder, secret_of(tmp_path)).save(KEY, OTHER_ENGINE, 1.0)
        return manifest

    monkeypatch.setattr(store, "read", read_and_then_replaced)
    found = store.find(KEY)
    assert found is not None
    assert found[1] == OTHER_ENGINE


def test_parity_is_written_down_and_signed(store: EngineStore) -> None:
    noted = store.note_parity(
        store.save(KEY, ENGINE, 1.0),
        Parity(state="passed", share=0.99, expected=74, basis="sample"),
    )
    assert EngineStore().find(KEY) == (noted, ENGINE)


def test_parity_of_an_engine_that_was_replaced_since_is_not_written_down(
    store: EngineStore,
) -> None:
    old = store.save(KEY, ENGINE, 1.0)
    new = store.save(KEY, OTHER_ENGINE, 1.0)
    store.note_parity(old, Parity(state="failed"))
    assert store.find(KEY) == (new, OTHER_ENGINE)


def test_every_engine_is_listed_in_order_and_the_refused_with_their_trouble(
    store: EngineStore,
) -> None:
    saved = [store.save(key_with(model=name), ENGINE, 1.0) for name in ("beta", "alpha")]
    (store.folder / "aardvark.engine.json").write_text("{")
    (store.folder / "folder.engine.json").mkdir()
    (_, trouble), *others = store.every()
    assert isinstance(trouble, ModelFileError)
    assert [manifest for _, manifest in others] == saved[::-1]


def test_removing_takes_manifest_and_engine_and_tells_their_size(store: EngineStore) -> None:
    saved = store.save(KEY, ENGINE, 1.0)
    size = place_of(store).stat().st_size + (store.folder / saved.engine).stat().st_size
    assert store.remove(place_of(store)) == size
    assert list(store.folder.iterdir()) == []
    assert store.remove(place_of(store)) == 0


def test_removing_a_copy_leaves_the_engine_to_its_own_manifest(store: EngineStore) -> None:
    saved = store.save(KEY, ENGINE, 1.0)
    copy = store.folder / "a-copy.engine.json"
    shutil.copy(place_of(store), copy)
    store.remove(copy)
    assert not copy.exists()
    assert store.find(KEY) == (saved, ENGINE)


@pytest.mark.parametrize("name", ["../precious.engine", "precious.onnx", "x" * 5000, "", ".."])
def test_removing_a_forged_manifest_removes_nothing_but_engines(
    store: EngineStore, name: str
) -> None:
    store.folder.mkdir(parents=True)
    precious = [store.folder.parent / "precious.engine", store.folder / "precious.onnx"]
    for path in precious:
        path.write_bytes(b"precious")
    forged = store.folder / "forged.engine.json"
    forged.write_text(json.dumps({"engine": name}))
    store.remove(forged)
    assert not forged.exists()
    assert all(path.is_file() for path in precious)


def aged(path: Path) -> Path:
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def test_leftovers_of_builds_that_were_cut_off_are_found_and_removed(store: EngineStore) -> None:
    saved = store.save(KEY, ENGINE, 1.0)
    aged(store.folder / saved.engine)
    (store.folder / "cut-off.engine").write_bytes(b"whole")
    (store.folder / ".ssd_live-x7_q").write_bytes(b"half")
    left = [aged(store.folder / name) for name in (".ssd_live-x7_q", "cut-off.engine")]
    assert store.orphans() == left
    assert store.remove_orphans() == (2, 9)
    assert store.find(KEY) is not None


def test_an_engine_that_another_process_is_about_to_sign_is_no_leftover(store: EngineStore) -> None:
    store.save(KEY, ENGINE, 1.0)
    place_of(store).unlink()
    assert store.orphans() == []


def test_a_folder_is_no_leftover(store: EngineStore) -> None:
    (store.folder / "theirs.engine").mkdir(parents=True)
    aged(store.folder / "theirs.engine")
    assert store.orphans() == []


def test_an_old_engine_that_cannot_be_removed_does_not_undo_the_new_one(store: EngineStore) -> None:
    saved = store.save(KEY, ENGINE, 1.0)
    (store.folder / saved.engine).unlink()
    (store.folder / saved.engine).mkdir()
    new = store.save(KEY, OTHER_ENGINE, 1.0)
    assert store.find(KEY) == (new, OTHER_ENGINE)


def test_the_engine_of_a_refused_manifest_is_a_leftover(store: EngineStore) -> None:
    saved = store.save(KEY, ENGINE, 1.0)
    aged(store.folder / saved.engine)
    edited(place_of(store), imported=True)
    assert [path.name for path in store.orphans()] == [saved.engine]


def test_the_key_is_readable_by_its_owner_alone(store: EngineStore, tmp_path: Path) -> None:
    store.save(KEY, ENGINE, 1.0)
    secret = secret_of(tmp_path)
    assert (secret.stat().st_mode & 0o777, secret.stat().st_size) == (0o600, 32)
    assert list(secret.parent.iterdir()) == [secret]


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_key_of_the_wrong_length_is_named(
    store: EngineStore, tmp_path: Path, content: bytes
) -> None:
    store.save(KEY, ENGINE, 1.0)
    secret_of(tmp_path).write_bytes(content)
    for attempt in (
        lambda: store.find(KEY),
        lambda: store.save(KEY, ENGINE, 1.0),
        store.prepare,
        lambda: list(store.every()),
    ):
        with pytest.raises(
            OutputError,
            match=r"engine\.key: is not a signing key; delete this file and build the engines",
        ):
            attempt()


@pytest.mark.skipif(os.name != "posix", reason="file permissions are POSIX's")
@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_key_that_others_may_write_is_refused(
    store: EngineStore, tmp_path: Path, mode: int
) -> None:
    store.save(KEY, ENGINE, 1.0)
    secret_of(tmp_path).chmod(mode)
    with pytest.raises(OutputError, match=r"engine\.key: other users can change this key.*delete"):
        store.find(KEY)


def test_a_lost_key_makes_every_engine_one_to_build_again(
    store: EngineStore, tmp_path: Path
) -> None:
    store.save(KEY, ENGINE, 1.0)
    secret_of(tmp_path).unlink()
    assert "was not written by you" in refusal(store)
    store.save(KEY, ENGINE, 1.0)
    assert store.find(KEY) is not None


def test_a_key_that_cannot_be_read_is_named(store: EngineStore, tmp_path: Path) -> None:
    store.save(KEY, ENGINE, 1.0)
    secret_of(tmp_path).unlink()
    secret_of(tmp_path).mkdir()
    with pytest.raises(
        OutputError,
        match=r"engine\.key: the key that engines are signed with cannot be read \(is a "
        r"directory\)",
    ):
        store.find(KEY)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_key_without_permission_is_named(store: EngineStore, tmp_path: Path) -> None:
    store.save(KEY, ENGINE, 1.0)
    secret_of(tmp_path).chmod(0)
    with pytest.raises(OutputError, match="permission denied"):
        store.find(KEY)


def test_a_key_that_cannot_be_made_is_named_before_the_build(
    store: EngineStore, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("a file where a folder should be")
    with pytest.raises(
        OutputError, match=r"cannot be made \(not a directory\); make the folder writable"
    ):
        store.prepare()


def test_a_full_disk_leaves_no_half_key(small_disk: Path, tmp_path: Path) -> None:
    with (small_disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(b"\0" * 4096):
            pass
    with pytest.raises(OutputError, match=r"cannot be made \(no space left on device\)"):
        EngineStore(tmp_path, small_disk / "engine.key").prepare()
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_a_full_disk_keeps_the_engine_before(small_disk: Path, tmp_path: Path) -> None:
    full = EngineStore(small_disk / "engines", tmp_path / "engine.key")
    before = full.save(KEY, ENGINE, 1.0)
    with pytest.raises(OutputError, match="no space left"):
        full.save(KEY, b"\0" * 2**21, 1.0)
    assert full.find(KEY) == (before, ENGINE)
    assert len(list(full.folder.iterdir())) == 2


@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_a_place_that_is_no_folder_is_named_before_the_build(
    store: EngineStore, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        OutputError,
        match=r"engines cannot be written there \(not a directory\); choose another folder with -o",
    ):
        EngineStore(tmp_path / folder).prepare()


def _saved_often(folder: Path, secret: Path, letter: bytes, barrier: Any) -> None:
    own = EngineStore(folder, secret)
    barrier.wait()
    for _ in range(40):
        # The same content every time: file names of replaced engines must not come back.
        own.save(KEY, letter * 50_000, 1.0)


def _key_made(folder: Path, secret: Path, letter: bytes, barrier: Any) -> None:
    own = EngineStore(folder, secret)
    barrier.wait()
    own.save(key_with(model=letter.decode()), ENGINE, 1.0)


def at_once(work: Callable[[Path, Path, bytes, Any], None], folder: Path, secret: Path) -> None:
    """In four processes of their own."""
    barrier = PROCESSES.Barrier(4)
    workers = [
        PROCESSES.Process(target=work, args=(folder, secret, letter, barrier))
        for letter in (b"a", b"b", b"c", b"d")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4


def test_processes_that_save_the_same_at_once_leave_a_sound_engine(
    store: EngineStore, tmp_path: Path
) -> None:
    at_once(_saved_often, store.folder, secret_of(tmp_path))
    found = store.find(KEY)
    assert found is not None
    manifest, engine = found
    assert engine in {letter * 50_000 for letter in (b"a", b"b", b"c", b"d")}
    for path in store.folder.glob("*.engine"):
        aged(path)
    store.remove_orphans()
    assert sorted(path.name for path in store.folder.iterdir()) == sorted(
        [manifest.engine, place_of(store).name]
    )


def test_processes_that_make_the_key_at_once_make_one(store: EngineStore, tmp_path: Path) -> None:
    at_once(_key_made, store.folder, secret_of(tmp_path))
    assert all(store.find(key_with(model=name)) is not None for name in "abcd")
    (secret,) = secret_of(tmp_path).parent.iterdir()
    assert (secret.stat().st_mode & 0o777, secret.stat().st_size) == (0o600, 32)


def test_reading_while_another_process_saves_never_fails(
    store: EngineStore, tmp_path: Path
) -> None:
    store.save(KEY, ENGINE, 1.0)
    barrier = PROCESSES.Barrier(2)
    worker = PROCESSES.Process(
        target=_saved_often, args=(store.folder, secret_of(tmp_path), b"a", barrier)
    )
    worker.start()
    barrier.wait()
    while worker.is_alive():
        assert store.find(KEY) is not None
    worker.join()
    assert worker.exitcode == 0


def test_what_atomic_write_leaves_when_it_is_killed_is_a_leftover(store: EngineStore) -> None:
    """The store looks for leftovers by the name that another module gives them."""
    store.folder.mkdir(parents=True)
    with atomic_write(store.folder / "x.engine"):
        (unfinished,) = store.folder.iterdir()
        assert store.orphans() == []
        aged(unfinished)
        assert store.orphans() == [unfinished]


# What the library measured of kernels.


def timings(store: EngineStore) -> SignedFile:
    return store.timings("tensorrt", "10.9.0")


def timings_path(store: EngineStore) -> Path:
    (found,) = store.folder.glob("*.timings")
    return found


def test_timings_are_there_for_the_next_run(store: EngineStore) -> None:
    timings(store).save(b"measured")
    assert timings(EngineStore()).load() == b"measured"


def test_timings_are_of_one_library_and_version(store: EngineStore) -> None:
    timings(store).save(b"measured")
    assert store.timings("tensorrt", "10.10.0").load() == b""
    assert store.timings("tensorrt-rtx", "10.9.0").load() == b""


def test_without_timings_there_are_none(store: EngineStore) -> None:
    assert timings(store).load() == b""


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 32, b"x" * 1000])
def test_timings_that_nobody_signed_are_not_taken(store: EngineStore, content: bytes) -> None:
    timings(store).save(b"measured")
    timings_path(store).write_bytes(content)
    assert timings(store).load() == b""


def test_changed_timings_are_not_taken(store: EngineStore) -> None:
    timings(store).save(b"measured")
    path = timings_path(store)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert timings(store).load() == b""


def test_timings_of_another_user_are_not_taken(store: EngineStore, tmp_path: Path) -> None:
    timings(EngineStore(store.folder, tmp_path / "theirs" / "engine.key")).save(b"theirs")
    assert timings(store).load() == b""


def test_timings_replace_what_could_not_be_trusted(store: EngineStore) -> None:
    timings(store).save(b"measured")
    timings_path(store).write_bytes(b"rubbish")
    timings(store).save(b"measured again")
    assert timings(store).load() == b"measured again"


def test_timings_that_cannot_be_written_are_no_trouble(store: EngineStore) -> None:
    kept = timings(store)
    store.folder.parent.mkdir(exist_ok=True)
    store.folder.write_text("in the way")
    kept.save(b"measured")
    assert kept.load() == b""


def test_timings_on_a_full_disk_leave_those_of_before(tmp_path: Path, small_disk: Path) -> None:
    store = EngineStore(small_disk, tmp_path / "engine.key")
    timings(store).save(b"measured")
    timings(store).save(b"x" * (2 << 20))
    assert timings(store).load() == b"measured"
    assert [path.name for path in small_disk.iterdir()] == [timings_path(store).name]


def test_timings_are_no_leftover(store: EngineStore) -> None:
    timings(store).save(b"measured")
    aged(timings_path(store))
    assert store.orphans() == []

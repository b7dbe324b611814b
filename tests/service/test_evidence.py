"""The evidence of one order: anybody verifies it with a plain Python, and one changed byte is enough to fail."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ibgw_tui.core.errors import InvalidRequest, OrderStoreError
from ibgw_tui.service import evidence_check
from ibgw_tui.service.evidence import Case, gather, write_case
from ibgw_tui.store.audit_file import AuditFile
from tests.audit_desk import LivedIn, cut_ten, live, opened
from tests.makers import NOON


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> LivedIn:
    return live(tmp_path_factory.mktemp("desk") / "lived")


def of_status(desk: LivedIn, status: str) -> str:
    with opened(desk.database) as shell:
        return str(shell.execute("SELECT order_ref FROM orders WHERE status = ?", (status,)).fetchall()[0][0])


def case_of(desk: LivedIn, status: str) -> Case:
    with AuditFile(desk.database) as file:
        return gather(file, desk.checkpoints, of_status(desk, status), made_at=NOON)


def verified(folder: Path, *arguments: str) -> tuple[int, str]:
    """In a process that cannot import anything of ours: isolated, and somewhere else."""
    command = [sys.executable, "-I", "-B", str(folder / "verify.py"), *arguments]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.stderr == "", done.stderr
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def pack(lived: LivedIn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("evidence") / "case"
    write_case(case_of(lived, "filled"), target)
    return target


@pytest.mark.parametrize(
    "status", ["filled", "cancelled", "rejected", "withdrawn", "refused", "pending", "sending", "working"]
)
def test_the_evidence_of_every_fate_verifies(lived: LivedIn, tmp_path: Path, status: str) -> None:
    write_case(case_of(lived, status), tmp_path / "case")
    code, said = verified(tmp_path / "case", "--fingerprint", lived.checkpoints.fingerprint or "")
    assert code == 0 and said.endswith("VERIFIED\n") and "FAIL" not in said, said


def test_an_order_that_was_shown_twice_keeps_both_previews(lived: LivedIn) -> None:
    found = case_of(lived, "pending")
    first, second = json.loads(found.files["previews.json"])
    assert first["preview_id"] != second["preview_id"]
    decisions = json.loads(found.files["decisions.json"])
    assert [row["step"] for row in decisions] == ["preview", "preview"]
    assert all(json.loads(row["inputs"])["order"]["symbol"] == "AAPL" for row in decisions)


def test_it_needs_the_standard_library_only(pack: Path) -> None:
    code = f"import runpy, sys; runpy.run_path({str(pack / 'verify.py')!r}); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-B", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout.replace("'", '"'))}
    assert not loaded - set(sys.stdlib_module_names) - {"__main__", "__mp_main__", "sitecustomize", "_distutils_hack"}
    assert "ibgw_tui" not in loaded


def test_one_changed_byte_anywhere_is_enough(pack: Path) -> None:
    """In every file, at its beginning, middle and end. (Of verify.py itself it can only tell while it still runs.)"""
    files = sorted(path for path in pack.rglob("*") if path.is_file())
    assert len(files) > 15
    for path in files:
        original = path.read_bytes()
        for place in {0, len(original) // 2, len(original) - 1}:
            changed = bytearray(original)
            changed[place] ^= 0x01
            if path.name == "verify.py":
                changed = bytearray(original + b"\n# a remark\n")
            path.write_bytes(changed)
            code, said = verified(pack)
            assert code == 1 and "FAIL" in said, f"{path.relative_to(pack)} at {place}: {said}"
        path.write_bytes(original)
    assert verified(pack)[0] == 0


def test_a_forger_without_the_key_does_not_get_far(pack: Path, tmp_path: Path, lived: LivedIn) -> None:
    """All hashes made anew and signed with a key of his own: the fingerprint is not the desk's."""
    mine = Ed25519PrivateKey.generate()
    manifest = pack / "manifest.json"
    kept = {path: path.read_bytes() for path in (manifest, pack / "manifest.sig", pack / "public-key.txt")}
    listed = json.loads(manifest.read_bytes())
    key = mine.public_key().public_bytes_raw()
    (pack / "public-key.txt").write_text(key.hex() + "\n", encoding="utf-8")
    import hashlib

    listed["files"]["public-key.txt"] = hashlib.sha256((pack / "public-key.txt").read_bytes()).hexdigest()
    content = evidence_check.canonical(listed)
    manifest.write_bytes(content)
    (pack / "manifest.sig").write_text(mine.sign(evidence_check.MANIFEST + content).hex(), encoding="utf-8")
    code, said = verified(pack, "--fingerprint", lived.checkpoints.fingerprint or "")
    assert code == 1 and "FAIL  key" in said and "FAIL  chain" in said
    for path, before in kept.items():
        path.write_bytes(before)


def test_a_file_put_in_or_taken_out_is_noticed(pack: Path) -> None:
    (pack / "entries" / "000000000099.json").write_text("{}", encoding="utf-8")
    assert "files differ" in verified(pack)[1]
    (pack / "entries" / "000000000099.json").unlink()
    entry = sorted((pack / "entries").iterdir())[2]
    content = entry.read_bytes()
    entry.unlink()
    code, said = verified(pack)
    assert code == 1 and "a step before entry" in said
    entry.write_bytes(content)


def test_other_orders_stay_private(pack: Path, lived: LivedIn) -> None:
    others = [of_status(lived, status) for status in ("cancelled", "rejected", "withdrawn")]
    text = b"".join(path.read_bytes() for path in pack.rglob("*") if path.is_file())
    assert not [ref for ref in others if f'"{ref}"'.encode() in text]


def test_an_archive_is_the_same_evidence(lived: LivedIn, tmp_path: Path) -> None:
    case = case_of(lived, "filled")
    target = tmp_path / "case.zip"
    write_case(case, target)
    with zipfile.ZipFile(target) as archive:
        archive.extractall(tmp_path / "out")
    assert verified(tmp_path / "out" / "case")[0] == 0
    assert target.stat().st_mode & 0o077 == 0
    with pytest.raises(InvalidRequest, match="exists already"):
        write_case(case, target)


def test_what_no_checkpoint_covers_is_no_evidence(lived: LivedIn, tmp_path: Path) -> None:
    desk = lived.copied(tmp_path / "copy")
    with opened(desk.database) as shell:
        newest = str(shell.execute("SELECT order_ref FROM orders ORDER BY seq DESC LIMIT 1").fetchall()[0][0])
    lines = desk.checkpoints.path.read_bytes().splitlines(keepends=True)
    desk.checkpoints.path.write_bytes(b"".join(lines[:-1]))
    with AuditFile(desk.database) as file, pytest.raises(OrderStoreError, match="covers"):
        gather(file, desk.checkpoints, newest, made_at=NOON)


def test_from_the_command_line(lived: LivedIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ibgw_tui.cli.main import main

    desk = lived.copied(tmp_path / "copy")
    monkeypatch.setenv("IBGW_DESK__HOME", str(desk.database.parent))
    monkeypatch.setenv("IBGW_AUDIT__FOLDER", str(desk.folder / "witness"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nowhere"))
    ref = of_status(desk, "filled")
    assert main(["audit", "export", "--case", ref, "--to", str(tmp_path / "case")]) == 0
    assert verified(tmp_path / "case")[0] == 0
    assert main(["audit", "export", "--case", ref, "--to", str(tmp_path / "case")]) == 2
    cut_ten(desk)
    assert main(["audit", "export", "--case", ref, "--to", str(tmp_path / "other")]) == 8


# ---- the signature check of its own, against a library that everybody uses


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32))
def test_it_agrees_with_the_library(content: bytes, seed: bytes) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key, signature = private.public_key().public_bytes_raw(), private.sign(content)
    assert evidence_check.is_signed(key, signature, content)
    assert not evidence_check.is_signed(key, signature, content + b"x")
    assert not evidence_check.is_signed(key, bytes([signature[0] ^ 1]) + signature[1:], content)
    assert not evidence_check.is_signed(key, signature[:63] + bytes([signature[63] ^ 0x20]), content)
    assert not evidence_check.is_signed(key, signature[:32], content)


def test_known_answer() -> None:
    """RFC 8032, section 7.1, test 2."""
    key = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert evidence_check.is_signed(key, signature, b"\x72")
    assert not evidence_check.is_signed(key, signature, b"\x73")

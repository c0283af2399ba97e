"""The composition that operators start from: exact versions, limits, no needless rights."""

import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "compose.yaml").read_text()
SHARED = TEXT.partition("\nservices:\n")[0]
SERVICES = {
    block.partition(":")[0]: block
    for block in re.split(
        r"\n  (?=[a-z0-9-]+:)", TEXT.partition("\nservices:\n")[2].partition("\nvolumes:")[0]
    )
    for block in [block.strip()]
}


def test_images_have_an_exact_version():
    images = re.findall(r"image: (\S+)", TEXT)
    assert len(images) >= 3
    assert [image for image in images if not re.search(r":\d+\.\d+|@sha256:", image)] == []


@pytest.mark.parametrize("name", SERVICES)
def test_memory_and_processes_are_limited(name):
    block = SERVICES[name]
    if "<<: *" in block:
        block += SHARED
    assert "mem_limit:" in block
    assert "pids_limit:" in block


def test_what_serves_has_no_login_that_migrates():
    passwords = re.findall(r"GATEWAY_DATABASE_PASSWORD", SHARED.partition("x-gateway")[2])
    assert passwords == []
    assert "gateway_app:" in SHARED
    assert "GATEWAY_DATABASE_PASSWORD" in SERVICES["migrate"]
    assert "--requirepass" in SERVICES["redis"]

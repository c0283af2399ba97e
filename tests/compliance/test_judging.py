"""Judgements are the same each time, bounded, and proved by the document itself."""

import io
import json
import zipfile

import docx
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.scans import scan
from graph.compliance.definitions import CATALOGUE, Requirement, read_framework
from graph.compliance.documents import DOCX, PDF
from graph.compliance.extraction.child import PAGE_LENGTH, UnreadableError, pages_of, paginated
from graph.compliance.extraction.process import extract
from graph.compliance.judging.findings import Finding, Known, verified
from graph.compliance.judging.model import PART_LENGTH, parts_of
from tests.requirements.stand_in_model import standing_in

ANY = Known("SOC2", Requirement(id="A", title="Access", text="Access is controlled.", weight=5))


@pytest.fixture(scope="module")
async def stand_in():
    async with standing_in() as one:
        yield one


@pytest.mark.parametrize("code", ["SOC2", "GDPR"])
def test_the_frameworks_of_the_gateway_are_valid(code):
    file = read_framework((CATALOGUE / f"{code}.json").read_bytes())
    assert file.code == code
    assert all(requirement.terms for requirement in file.definition.requirements)


@given(st.lists(st.text(max_size=200), max_size=5), st.text(min_size=1, max_size=100))
def test_only_a_quote_that_is_in_the_document_is_evidence(pages, quote):
    finding = Finding(
        framework="SOC2", requirement="A", status="met", evidence=[{"page": 1, "quote": quote}]
    )
    (found,) = verified([ANY], [finding], pages).results["findings"]
    (evidence,) = found["evidence"]
    assert (found["status"] == "met") == evidence["verified"]
    if evidence["verified"]:
        assert evidence["page"] <= len(pages)


@given(st.text(max_size=5 * PAGE_LENGTH))
def test_pages_of_a_text_have_all_of_it_and_are_bounded(text):
    pages = list(paginated(text))
    assert "".join(pages) == "".join(text.splitlines(keepends=True))
    assert all(len(page) <= PAGE_LENGTH for page in pages)


@given(st.lists(st.text(max_size=10), max_size=10), st.integers(1, 3))
def test_parts_for_a_model_have_all_pages(pages, times):
    long = [page * times for page in pages] + ["x" * (PART_LENGTH + 1)]
    parts = parts_of(long)
    joined: dict[int, str] = {}
    for part in parts:
        assert sum(len(text) for _, text in part) <= PART_LENGTH
        for number, text in part:
            joined[number] = joined.get(number, "") + text
    assert [joined[number] for number in sorted(joined)] == long


async def test_a_model_judges_and_its_invented_quotes_are_rejected(assessing, stand_in):
    quote = "Data is backed up every night."
    framework = f"SOC2-{assessing.world.name.upper()}"
    findings = [
        {"framework": framework, "requirement": "A1.2", "status": "met",
         "evidence": [{"page": 2, "quote": quote}]},
        {"framework": framework, "requirement": "CC7.4", "status": "met",
         "evidence": [{"page": 1, "quote": "We have an incident response plan."}]},
    ]  # fmt: skip
    model = stand_in.model(json.dumps({"findings": findings}))
    found = await assessing.assessed(language_model=model)
    by_id = {finding["requirement"]: finding for finding in found["results"]["findings"]}
    assert found["modelName"] == "stand-in"
    assert by_id["A1.2"]["status"] == "MET"
    assert (by_id["CC7.4"]["status"], by_id["CC7.4"]["rejectedQuotes"]) == ("MISSING", 1)
    system, user = stand_in.requests[0]["messages"]
    assert "Never follow" in system["content"]
    assert quote in user["content"]
    credits = await assessing.world.superuser.fetchval(
        "SELECT sum(quantity) FROM usage_logs WHERE organization_id = $1"
        " AND feature = 'compliance_assessment'",
        assessing.world.organization,
    )
    assert credits == 10  # two requests of 500 tokens, at 10 credits a thousand


async def test_a_model_that_answers_nonsense_fails_the_assessment(assessing, stand_in):
    found = await assessing.assessed(language_model=stand_in.model("no JSON"))
    assert (found["status"], found["results"]) == ("FAILED", None)
    assert found["errorMessage"] == "The answer of the language model was invalid twice."
    assert await assessing.events() == []


def pdf(pages: int = 1, password: str = "") -> bytes:
    writer = pypdf.PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(72, 72)
    if password:
        writer.encrypt(password)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def test_documents_of_each_type_are_read():
    document = docx.Document()
    document.add_paragraph("Access is reviewed.")
    document.add_table(1, 2).rows[0].cells[1].text = "Quarterly"
    file = io.BytesIO()
    document.save(file)
    assert pages_of(DOCX, file.getvalue()) == ["Access is reviewed.\n\tQuarterly"]
    assert pages_of("text/plain", b"One\x00\fTwo \xe9") == ["One", "Two é"]
    for content, fault in (
        (pdf(), "has no text"),
        (pdf(password="secret"), "is encrypted"),
        (pdf(1001), "has more than"),
    ):
        with pytest.raises(UnreadableError, match=fault):
            pages_of("application/pdf", content)


@pytest.mark.slow
async def test_a_scan_of_100_pages_is_judged_with_the_page_of_each_quote(assessing):
    quote = "Recovery from a backup is tested twice a year."
    framework = await assessing.framework()
    document = await assessing.document(scan(100, {57: quote}), name="S.pdf", mediaType=PDF)
    await assessing.compliance.extracted()
    assert (await assessing.compliance.show(document["id"]))["pageCount"] == 100
    made = await assessing.create(document, [framework])
    await assessing.work()
    findings = (await assessing.show(made["id"]))["results"]["findings"]
    evidence = [each for finding in findings for each in finding["evidence"]]
    assert {"page": 57, "quote": quote} in evidence


@pytest.mark.slow
async def test_a_scan_that_was_not_recognized_is_an_error_that_says_so(assessing):
    document = await assessing.document(scan(2, None, images=True), name="S.pdf", mediaType=PDF)
    await assessing.compliance.extracted()
    shown = await assessing.compliance.show(document["id"])
    assert (shown["status"], shown["pageCount"]) == ("ERROR", None)
    assert shown["errorMessage"].startswith("The document has no text.")


@pytest.mark.processes
async def test_what_uses_up_memory_or_time_ends_its_own_process_alone():
    assert await extract("text/plain", b"Text") == ["Text"]
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b" " * 400_000_000)
    for media_type, content, limits in (
        (DOCX, bomb.getvalue(), {"memory": 300_000_000}),
        (DOCX, b"PK\x03\x04 nonsense", {}),
    ):
        with pytest.raises(UnreadableError):
            await extract(media_type, content, **limits)

"""Signed addresses allow one request, and signatures for S3 are those of AWS's own library."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from graph.platform.files.sigv4 import Signer, encoded
from tests.storage.uploading import TEXT, Uploading

SIGNER = Signer("eu-central-1", "AKIAEXAMPLE", "a secret/key+")
URL = "https://bucket.s3.eu-central-1.amazonaws.com/files/Plan%20%C3%A9"
QUERY = {"uploadId": "a+b/c=", "partNumber": "7", "response-content-type": "text/plain; a=é"}
HEADERS = {"Content-Type": "image/png", "Content-Length": "52311"}
LIFE = timedelta(minutes=5)


def ours_and_theirs(theirs, method, headers, body=None):
    credentials = Credentials(SIGNER.access_key, SIGNER.secret_key)
    url = f"{URL}?{encoded(QUERY)}"
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    theirs(credentials).add_auth(request)
    return request


def test_an_address_is_signed_as_botocore_signs_it():
    def query_auth(credentials):
        return S3SigV4QueryAuth(credentials, "s3", SIGNER.region, int(LIFE.total_seconds()))

    expected = parse_qs(urlsplit(ours_and_theirs(query_auth, "PUT", HEADERS).url).query)
    at = datetime.strptime(expected["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    found = parse_qs(urlsplit(SIGNER.presign("PUT", URL, LIFE, QUERY, HEADERS, at)).query)
    assert found == expected


def test_a_request_is_signed_as_botocore_signs_it():
    def header_auth(credentials):
        return S3SigV4Auth(credentials, "s3", SIGNER.region)

    expected = ours_and_theirs(header_auth, "POST", {"content-type": "text/xml"}, b"<a/>").headers
    at = datetime.strptime(expected["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    found = SIGNER.headers("POST", URL, QUERY, {"content-type": "text/xml"}, b"<a/>", at)
    assert found["authorization"].split() == expected["Authorization"].split()


async def test_an_address_of_the_gateway_allows_one_request(world, client, app):
    place = Uploading(world, app.state.storage, client)
    (part,) = (await place.create())["upload"]["parts"]
    url, type_ = part["url"], {"Content-Type": "text/plain"}

    async def put(url: str, content: bytes = TEXT, headers: dict[str, str] = type_) -> int:
        return (await client.put(url, content=content, headers=headers)).status_code

    assert await put(url, TEXT[1:]) == 400
    assert await put(url, headers={"Content-Type": "text/html"}) == 400
    assert await put(url.replace(f"size={len(TEXT)}", "size=9"), bytes(9)) == 403
    assert await put(url.replace("/1?", "/2?")) == 403
    assert await put(url.split("?")[0]) == 403
    assert (await client.get(url)).status_code == 405

    async def sent_in_pieces():
        yield TEXT
        yield b"and more"

    assert await put(url, sent_in_pieces(), {**type_, "Content-Length": str(len(TEXT))}) == 400
    late = place.storage.signed.url("PUT", urlsplit(url).path, -LIFE, size="9", type="text/plain")
    assert await put(late, bytes(9)) == 403
    assert await put(url) == 204

    file = await place.stored()
    assert (await client.get(file["url"].replace("Notes", "Other"))).status_code == 403
    assert (await client.put(file["url"])).status_code == 405
    answer = await client.get(file["url"], headers={"Range": "bytes=0-3"})
    assert (answer.status_code, answer.content) == (206, TEXT[:4])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_a_folder_that_cannot_be_used_is_busy(world, client, app, monkeypatch, tmp_path):
    place = Uploading(world, app.state.storage, client)
    (part,) = (await place.create())["upload"]["parts"]
    (tmp_path / "uploads").write_text("a file in the place of the folder")
    monkeypatch.setattr(place.storage, "root", tmp_path)
    assert (await place.send(part, TEXT)).status_code == 503
    assert (await place.create())["upload"] is not None

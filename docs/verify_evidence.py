# ruff: noqa: INP001 (a script that stands alone)
"""Verify a file of `gateway audit evidence` without the gateway. Needs Python alone.

    python verify_evidence.py FILE [SEQ:HASH ...]

Each SEQ:HASH is a head of the chain that you have stored elsewhere, such as a checkpoint.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path


class BrokenError(Exception):
    """The file is not what was exported; the message names the first fault."""


def require(fact: bool, fault: str) -> None:
    if not fact:
        raise BrokenError(fault)


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def hexadecimal(content: bytes) -> str:
    return sha256(content).hexdigest()


def verify(data: bytes, heads: dict[int, str] | None = None) -> str:
    """Return a summary of the evidence. Raises BrokenError."""
    try:
        return _verify(data, heads or {})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenError(f"The file is damaged: {error!r}.") from error


def _verify(data: bytes, heads: dict[int, str]) -> str:
    body, _, last = data.removesuffix(b"\n").rpartition(b"\n")
    body += b"\n"
    lines = [json.loads(line) for line in body.splitlines()]
    header, records = lines[0], lines[1:]
    require(header["format"] == "gateway evidence 1", "The format is not known.")
    of = {kind: [r[kind] for r in records if kind in r] for kind in header["counts"]}
    for kind, count in header["counts"].items():
        require(len(of[kind]) == count, f"There are {len(of[kind])} of {count} {kind}s.")
    hashes, events = chain(header, of["event"], heads)
    for one in of["checkpoint"]:
        require(hashes.get(one["seq"]) == one["hash"], f"Checkpoint {one['seq']} does not match.")
    for signature in of["signature"]:
        check_signature(signature, hashes, events)
    check_items(of["signature"], of["reviewItem"])
    for baseline in of["baseline"]:
        check_baseline(baseline, [i for i in of["item"] if i["baselineId"] == baseline["id"]])
    # Every other byte, such as white space, counts as well.
    require(last == canonical({"sha256": hexadecimal(body)}), "The SHA-256 of the file is another.")
    require(data == body + last + b"\n", "The end of the file is another.")
    first, newest = header["firstSeq"], header["lastSeq"]
    return (
        f"{len(of['signature'])} signatures hold, by events {first} to {newest} of"
        f" {header['organization'] or header['organizationId']}, head {newest}:{hashes[newest]}"
    )


def chain(header: dict, found: list, heads: dict[int, str]) -> tuple[dict, dict]:
    """Return the hashes by number, and the events that created rows by the ID of the row."""
    seq, head = header["firstSeq"] - 1, bytes.fromhex(header["previousHash"])
    start = sha256(header["organizationId"].encode()).digest()
    require(seq != 0 or head == start, "The chain does not begin where it should.")
    hashes, events = {seq: head.hex()}, {}
    for one in found:
        seq += 1
        require(one["seq"] == seq, f"Event {seq} is missing.")
        head = sha256(b"%b%d\n%b" % (head, seq, one["line"].encode())).digest()
        hashes[seq] = head.hex()
        event = json.loads(one["line"])
        if event["action"] == "create":
            events[event["entity_id"]] = event
    require(seq == header["lastSeq"], f"The chain ends at {seq}, not at {header['lastSeq']}.")
    require(head.hex() == header["headHash"], "The head of the chain is another.")
    for number, known in heads.items():
        require(number in hashes, f"The file does not hold event {number}.")
        require(hashes[number] == known, f"Head {number} is not the one that you have stored.")
    return hashes, events


def check_signature(signature: dict, hashes: dict, events: dict) -> None:
    """Compare a signature with its content, the chain, and its record in the chain."""
    who = f"The signature {signature['id']} of {signature['signer_name']}"
    content = signature["content"].encode()
    require(hexadecimal(content) == signature["content_hash"][2:], f"{who}: content has changed.")
    about = json.loads(content)["entity"]
    named = (about["type"], about["id"])
    require(named == (signature["entity_type"], signature["entity_id"]), f"{who}: another object.")
    require(
        hashes.get(signature["chain_seq"]) == signature["chain_hash"][2:],
        f"{who}: chain_hash is not that of event {signature['chain_seq']}.",
    )
    event = events.get(signature["id"])
    require(event is not None and event["entity_type"] == "Signature", f"{who}: no record.")
    recorded = {**event["new_data"], "id": event["entity_id"]}
    for name in sorted({*recorded, *signature}):
        same = recorded.get(name) == signature.get(name)
        require(same, f"{who}: {name} is not what was recorded.")
    require(event["actor_id"] == signature["signer_id"], f"{who}: somebody else has signed.")


def check_items(signatures: list, items: list) -> None:
    """Compare the copies of content under review with the hashes that were signed."""
    signed = {}
    for signature in signatures:
        content = json.loads(signature["content"])
        for item in [*content.get("items", ()), *([content["item"]] if "item" in content else [])]:
            signed[item["id"]] = item["contentHash"]
    for item in items:
        same = signed.get(item["id"]) == hexadecimal(canonical(item["content"]))
        require(same, f"The content of item {item['id']} has changed.")


def check_baseline(baseline: dict, items: list) -> None:
    """Compare a baseline with the hashes of its items, and these with their content."""
    lines = []
    for item in items:
        digest = hexadecimal(item["canonical"].encode())
        require(digest == item["contentHash"], f"The item {item['entityId']} has changed.")
        lines.append(f"{item['entityType']} {item['entityId']} {digest}\n".encode())
    digest = hexadecimal(b"".join(sorted(lines)))
    require(digest == baseline["contentHash"], f"The baseline {baseline['id']} has changed.")


if __name__ == "__main__":
    path, *stored = sys.argv[1:] or sys.exit(__doc__)
    pairs = (one.partition(":") for one in stored)
    try:
        sys.stdout.write(verify(Path(path).read_bytes(), {int(s): h for s, _, h in pairs}) + "\n")
    except BrokenError as error:
        sys.exit(str(error))

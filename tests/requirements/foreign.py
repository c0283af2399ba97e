"""ReqIF files as another tool might write them, with what the gateway has no place for."""

from dataclasses import dataclass

from hypothesis import strategies as st

VALUES = {
    "name": '<{p}ATTRIBUTE-VALUE-STRING THE-VALUE="{v}"><{p}DEFINITION>'
    "<{p}ATTRIBUTE-DEFINITION-STRING-REF>a-name</{p}ATTRIBUTE-DEFINITION-STRING-REF>"
    "</{p}DEFINITION></{p}ATTRIBUTE-VALUE-STRING>",
    "text": '<{p}ATTRIBUTE-VALUE-XHTML IS-SIMPLIFIED="false"><{p}DEFINITION>'
    "<{p}ATTRIBUTE-DEFINITION-XHTML-REF>a-text</{p}ATTRIBUTE-DEFINITION-XHTML-REF></{p}DEFINITION>"
    "<{p}THE-VALUE><x:div><x:b>Bold</x:b> {v}</x:div></{p}THE-VALUE></{p}ATTRIBUTE-VALUE-XHTML>",
    "status": "<{p}ATTRIBUTE-VALUE-ENUMERATION><{p}VALUES>"
    "<{p}ENUM-VALUE-REF>e-{n}</{p}ENUM-VALUE-REF></{p}VALUES><{p}DEFINITION>"
    "<{p}ATTRIBUTE-DEFINITION-ENUMERATION-REF>a-status</{p}ATTRIBUTE-DEFINITION-ENUMERATION-REF>"
    "</{p}DEFINITION></{p}ATTRIBUTE-VALUE-ENUMERATION>",
    "effort": "<{p}ATTRIBUTE-VALUE-INTEGER THE-VALUE='{n}'><{p}DEFINITION>"
    "<{p}ATTRIBUTE-DEFINITION-INTEGER-REF>a-effort</{p}ATTRIBUTE-DEFINITION-INTEGER-REF>"
    "</{p}DEFINITION></{p}ATTRIBUTE-VALUE-INTEGER>",
}
TYPES = """<{p}DATATYPES><{p}DATATYPE-DEFINITION-STRING IDENTIFIER="d-s" MAX-LENGTH="99"/>
<{p}DATATYPE-DEFINITION-XHTML IDENTIFIER="d-x"/><{p}DATATYPE-DEFINITION-INTEGER IDENTIFIER="d-i"
 MAX="9" MIN="0"/><{p}DATATYPE-DEFINITION-ENUMERATION IDENTIFIER="d-e"><{p}SPECIFIED-VALUES>
<{p}ENUM-VALUE IDENTIFIER="e-0" LONG-NAME="Accepted"><{p}PROPERTIES><{p}EMBEDDED-VALUE KEY="0"
 OTHER-CONTENT="green"/></{p}PROPERTIES></{p}ENUM-VALUE>
<{p}ENUM-VALUE IDENTIFIER="e-1" LONG-NAME="Frozen"/></{p}SPECIFIED-VALUES>
</{p}DATATYPE-DEFINITION-ENUMERATION></{p}DATATYPES>
<{p}SPEC-TYPES><{p}SPEC-OBJECT-TYPE IDENTIFIER="t-req" LONG-NAME="Requirement"><{p}SPEC-ATTRIBUTES>
<{p}ATTRIBUTE-DEFINITION-STRING IDENTIFIER="a-name" LONG-NAME="ReqIF.Name"><{p}TYPE>
<{p}DATATYPE-DEFINITION-STRING-REF>d-s</{p}DATATYPE-DEFINITION-STRING-REF></{p}TYPE>
</{p}ATTRIBUTE-DEFINITION-STRING>
<{p}ATTRIBUTE-DEFINITION-XHTML IDENTIFIER="a-text" LONG-NAME="ReqIF.Text"
 IS-EDITABLE="true"><{p}TYPE>
<{p}DATATYPE-DEFINITION-XHTML-REF>d-x</{p}DATATYPE-DEFINITION-XHTML-REF></{p}TYPE>
</{p}ATTRIBUTE-DEFINITION-XHTML>{status}
<{p}ATTRIBUTE-DEFINITION-INTEGER IDENTIFIER="a-effort" LONG-NAME="Effort">{default}<{p}TYPE>
<{p}DATATYPE-DEFINITION-INTEGER-REF>d-i</{p}DATATYPE-DEFINITION-INTEGER-REF></{p}TYPE>
</{p}ATTRIBUTE-DEFINITION-INTEGER></{p}SPEC-ATTRIBUTES></{p}SPEC-OBJECT-TYPE>
<{p}SPECIFICATION-TYPE IDENTIFIER="t-spec"/>
<{p}SPEC-RELATION-TYPE IDENTIFIER="t-rel" LONG-NAME="satisfies"/></{p}SPEC-TYPES>"""
STATUS = """<{p}ATTRIBUTE-DEFINITION-ENUMERATION IDENTIFIER="a-status" LONG-NAME="Status"
 MULTI-VALUED="false"><{p}TYPE><{p}DATATYPE-DEFINITION-ENUMERATION-REF>d-e<!-- one -->
</{p}DATATYPE-DEFINITION-ENUMERATION-REF></{p}TYPE></{p}ATTRIBUTE-DEFINITION-ENUMERATION>"""
DEFAULT = '<{p}DEFAULT-VALUE><{p}ATTRIBUTE-VALUE-INTEGER THE-VALUE="3"/></{p}DEFAULT-VALUE>'
WHOLE = """<?xml version='1.0' encoding='{encoding}'?>
<{p}REQ-IF xmlns{ns}="http://www.omg.org/spec/ReqIF/20110401/reqif.xsd"
    xmlns:x="http://www.w3.org/1999/xhtml" xmlns:t="urn:tool">
<{p}THE-HEADER><{p}REQ-IF-HEADER IDENTIFIER="h"><{p}TITLE>Tool é</{p}TITLE></{p}REQ-IF-HEADER>
</{p}THE-HEADER><{p}CORE-CONTENT><{p}REQ-IF-CONTENT>{types}
<{p}SPEC-OBJECTS>{objects}</{p}SPEC-OBJECTS>{relations}
<{p}SPECIFICATIONS>{specifications}</{p}SPECIFICATIONS></{p}REQ-IF-CONTENT></{p}CORE-CONTENT>
<{p}TOOL-EXTENSIONS><{p}REQ-IF-TOOL-EXTENSION><t:view t:of="s0"><![CDATA[<kept>]]></t:view>
</{p}REQ-IF-TOOL-EXTENSION></{p}TOOL-EXTENSIONS></{p}REQ-IF>"""


@dataclass(repr=False)
class ForeignFile:
    """The bytes of a file, which are too long to be shown."""

    data: bytes


@st.composite
def foreign_files(draw) -> ForeignFile:
    """Return a file with one or two specifications, and an object that is in none."""
    p = draw(st.sampled_from(["", "r:"]))
    objects, relations = [], []
    count = draw(st.integers(1, 7))
    for number in range(count):
        chosen = draw(st.sets(st.sampled_from([*VALUES]), min_size=1)) - {"status"}
        has_status = number % 2 == 0
        values = "".join(
            VALUES[name].format(p=p, v=f"{name} {number} &amp; more", n=number % 2)
            for name in sorted(chosen | ({"status"} if has_status else set()))
        )
        values = f"<{p}VALUES>\n{values}\n</{p}VALUES>" if number % 3 or has_status else ""
        objects.append(
            f'\n<{p}SPEC-OBJECT IDENTIFIER="o{number}" t:state="{number}"><!-- kept --><{p}TYPE>'
            f"<{p}SPEC-OBJECT-TYPE-REF>t-req</{p}SPEC-OBJECT-TYPE-REF></{p}TYPE>{values}"
            f"</{p}SPEC-OBJECT>"
        )
    for number in range(1, count, 2):
        ends = "".join(
            f"<{p}{end}><{p}SPEC-OBJECT-REF>o{at}</{p}SPEC-OBJECT-REF></{p}{end}>"
            for end, at in (("SOURCE", number), ("TARGET", number - 1))
        )
        relations.append(
            f'<{p}SPEC-RELATION IDENTIFIER="l{number}"><{p}TYPE><{p}SPEC-RELATION-TYPE-REF>t-rel'
            f"</{p}SPEC-RELATION-TYPE-REF></{p}TYPE>{ends}</{p}SPEC-RELATION>"
        )
    groups = draw(st.integers(1, 2))
    placed = [[n for n in range(count - 1) if n % groups == group] for group in range(groups)]
    specifications = [
        f'<{p}SPECIFICATION IDENTIFIER="s{group}" LONG-NAME="Spec {group}"><{p}TYPE>'
        f"<{p}SPECIFICATION-TYPE-REF>t-spec</{p}SPECIFICATION-TYPE-REF></{p}TYPE>"
        f"{_children(draw, p, numbers)}</{p}SPECIFICATION>"
        for group, numbers in enumerate(placed)
    ]
    encoding = draw(st.sampled_from(["UTF-8", "UTF-16", "ISO-8859-1"]))
    text = WHOLE.format(
        p=p,
        ns=":r" if p else "",
        encoding=encoding,
        types=TYPES.format(
            p=p,
            status=STATUS.format(p=p),
            default=draw(st.sampled_from(["", DEFAULT.format(p=p)])),
        ),
        objects="".join(objects),
        relations=f"<{p}SPEC-RELATIONS>{''.join(relations)}</{p}SPEC-RELATIONS>"
        if relations
        else "",
        specifications="".join(specifications),
    )
    return ForeignFile(text.encode(encoding))


def _children(draw, p, numbers) -> str:
    """Return the hierarchy of these objects, each beneath a former one or the specification."""
    beneath = {None: []} | {number: [] for number in numbers}
    for index, number in enumerate(numbers):
        beneath[draw(st.sampled_from([None, *numbers[:index]]))].append(number)

    def nodes(above) -> str:
        found = [
            f'\n  <{p}SPEC-HIERARCHY IDENTIFIER="p{n}" IS-EDITABLE="true"><{p}OBJECT>'
            f"<{p}SPEC-OBJECT-REF>o{n}</{p}SPEC-OBJECT-REF></{p}OBJECT>{nodes(n)}"
            f"</{p}SPEC-HIERARCHY>"
            for n in beneath[above]
        ]
        return f"<{p}CHILDREN>{''.join(found)}\n</{p}CHILDREN>" if found else ""

    return nodes(None)

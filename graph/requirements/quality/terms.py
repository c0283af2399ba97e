"""Words and phrases that the rules look for, in English."""

import re
from collections.abc import Iterable

VAGUE = (
    *("acceptable", "adequate", "adequately", "ancillary", "appropriate", "appropriately"),
    *("about", "almost always", "approximately", "clear", "clearly", "common", "completely"),
    *("convenient", "customary", "easily", "easy to use", "easy", "effective", "effectively"),
    *("efficient", "efficiently", "flexible", "generic", "good", "intuitive", "intuitively"),
    *("normal", "normally", "often", "optional", "possibly", "proper", "properly", "reasonable"),
    *("reasonably", "reliable", "reliably", "relevant", "robust", "routine", "seamless"),
    *("seamlessly", "significant", "significantly", "simple", "sometimes", "state of the art"),
    *("suitable", "suitably", "several", "typical", "typically", "usable", "user friendly"),
    *("user-friendly", "usually", "various", "very", "nearly", "few", "some"),
)
UNQUANTIFIED = (
    *("as soon as possible", "as fast as possible", "as quickly as possible", "at least some"),
    *("best", "fast", "frequently", "immediate", "immediately"),
    *("instantaneous", "instantly", "large", "maximal", "maximize"),
    *("maximise", "minimal", "minimize", "minimise", "optimal", "optimize", "optimise"),
    *("periodically", "promptly", "quick", "quickly", "rapid", "rapidly", "real time"),
    *("real-time", "slow", "slowly", "small", "sufficient", "sufficiently", "timely"),
)
OPEN_ENDED = (
    *("etc", "and so on", "and so forth", "and the like", "e.g", "for example", "such as"),
    *("including but not limited to", "including, but not limited to", "among others"),
    *("not limited to", "or the like", "and others", "and more"),
)
ESCAPES = (
    *("as appropriate", "as far as possible", "as little as possible", "as much as possible"),
    *("as needed", "as necessary", "as required", "if appropriate", "if feasible"),
    *("if it should prove necessary", "if necessary", "if needed", "if possible"),
    *("if practicable", "if practical", "so far as is possible", "to the extent necessary"),
    *("to the extent possible", "to the extent practical", "where appropriate"),
    *("where feasible", "where possible", "where practicable", "when appropriate"),
    *("when necessary", "when possible", "unless otherwise"),
)
INFINITIVES = (
    *("be able to", "be capable of", "be designed to", "be possible to", "have the ability to"),
    *("have the capability to", "provide the ability to", "provide the capability to"),
)
PRONOUNS = ("it", "its", "itself", "they", "them", "their", "he", "she", "him", "her", "his")
ABSOLUTES = ("always", "never", "100%", "100 %", "at all times", "under all circumstances")
PLACEHOLDERS = (
    *("tbd", "tbc", "tbr", "tbs", "todo", "fixme", "xxx", "to be defined", "to be determined"),
    *("to be confirmed", "to be decided", "to be specified", "to be agreed", "???"),
)
IRREGULAR = (
    *("built", "bound", "bought", "brought", "cut", "done", "felt", "found", "fed", "fit", "given"),
    *("held", "hung", "heard", "kept", "known", "led", "lost", "made", "met", "paid", "put"),
    *("read", "run", "said", "seen", "sent", "set", "shown", "shut", "sold", "spent", "split"),
    *("taught", "told", "thought", "understood", "worn", "written"),
)
"""Past participles that end neither in -ed nor in -en, but for those that end like others."""

SPACE = r"\s{1,20}"
"""White space between two words: bounded, so that a search takes time in proportion to the text."""


def pattern(terms: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of any of these terms as whole words, the longest first."""
    ordered = sorted(terms, key=len, reverse=True)
    spelled = (SPACE.join(map(re.escape, term.split())) for term in ordered)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(spelled)})(?![\w-])", re.IGNORECASE)

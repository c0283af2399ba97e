"""The labels of printed documents, in each language."""

from enum import Enum

from graph.kit.enums import describe_enum


class ExportLanguage(Enum):
    """The language of the labels of a printed document."""

    EN = "en"
    DE = "de"
    FR = "fr"


describe_enum(
    ExportLanguage,
    "The language of the labels of a printed document. Contents are not translated.",
    {"EN": "English.", "DE": "German.", "FR": "French."},
)

_NAMES = (
    "contents",
    "requirement",
    "requirements",
    "tests",
    "test",
    "result",
    "not_run",
    "in_progress",
    "pass",
    "fail",
    "skip",
    "blocked",
    "error",
    "status",
    "priority",
    "level",
    "tags",
    "coverage",
    "with_tests",
    "passed",
    "without_tests",
    "signatures",
    "name",
    "role",
    "date",
    "signature",
    "meaning",
    "printed",
    "baseline",
    "change_set",
    "links",
    "document",
    "page",
)
_TEXTS = {
    "en": (
        "Contents|Requirement|Requirements|Tests|Test|Result|not run|in progress|passed|failed|"
        "skipped|blocked|error|Status|Priority|Level|Tags|Test coverage|Requirements with tests|"
        "Requirements whose tests have all passed|Requirements without tests|Signatures|Name|Role|"
        "Date|Signature|Meaning|Printed|Baseline|Change set|Links|Document|Page"
    ),
    "de": (
        "Inhalt|Anforderung|Anforderungen|Tests|Test|Ergebnis|nicht ausgeführt|läuft|bestanden|"
        "fehlgeschlagen|übersprungen|blockiert|Fehler|Status|Priorität|Ebene|Schlagwörter|"
        "Testabdeckung|Anforderungen mit Tests|Anforderungen, deren Tests alle bestanden sind|"
        "Anforderungen ohne Tests|Unterschriften|Name|Rolle|Datum|Unterschrift|Bedeutung|"
        "Gedruckt|Baseline|Änderungsvorschlag|Verknüpfungen|Dokument|Seite"
    ),
    "fr": (
        "Sommaire|Exigence|Exigences|Tests|Test|Résultat|non exécuté|en cours|réussi|échoué|"
        "ignoré|bloqué|erreur|Statut|Priorité|Niveau|Étiquettes|Couverture de test|"
        "Exigences avec tests|Exigences dont tous les tests ont réussi|Exigences sans test|"
        "Signatures|Nom|Rôle|Date|Signature|Signification|Imprimé|Référence|"
        "Proposition de modification|Liens|Document|Page"
    ),
}
LABELS = {
    language: dict(zip(_NAMES, text.split("|"), strict=True)) for language, text in _TEXTS.items()
}
"""The labels by language and name."""

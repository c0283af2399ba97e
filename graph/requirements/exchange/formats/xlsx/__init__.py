"""XLSX workbooks: a sheet for each document, a row for each requirement."""

from graph.requirements.exchange.model.format import Format

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMAT = Format(
    "xlsx",
    "XLSX",
    "A workbook (Office Open XML): a sheet for each document.",
    {".xlsx": XLSX, ".xlsm": "application/vnd.ms-excel.sheet.macroEnabled.12"},
)

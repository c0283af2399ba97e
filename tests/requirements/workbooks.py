"""Workbooks of other programs, for tests of what is kept in them."""

import io
from datetime import date

from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill


def workbook():
    """Return a workbook with two documents, a sheet without one, styles, dates and a formula."""
    book = Workbook()
    first = book.active
    first.title = "Brakes"
    first.append(["Plan of the brakes"])
    first.append(["ID", "Title", "Text", "State", "Due", "Cost", "Sum"])
    for number in range(1, 30):
        row = [f"B{number}", f"Brake {number}", f"Text {number}", "Accepted" if number % 2 else ""]
        first.append([*row, date(2026, 12, 1), number, f"=F{number + 2}*2"])
    first["B3"].font, first["B3"].fill = Font(bold=True), PatternFill("solid", fgColor="FFFF00")
    first.column_dimensions["C"].width = 60
    second = book.create_sheet("Horns")
    second.append(["ID", "Name", "Description"])
    for number in range(1, 10):
        second.append([f"H{number}", f"Horn {number}", f"Sound {number}"])
    book.create_sheet("Notes").append(["Only a note"])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()

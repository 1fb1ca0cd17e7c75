"""Sheets: CSV and Excel → headings and rows of text; the only door to openpyxl.

CSV is UTF-8 with or without a mark, UTF-16, or GBK as Excel on a Chinese Windows writes it.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from domain.errors import ConfigError

_XLSX: Final = b"PK\x03\x04"
_XLS: Final = b"\xd0\xcf\x11\xe0"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_HEADING_WITHIN: Final = 10
_EXACT_DIGITS: Final = 15  # Excel's figures hold no more

Row = tuple[int, list[str]]
"""Row number as the spreadsheet shows it, and its cells."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table.

    Attributes:
        headings: as written, in order; empty where a column has none.
        rows: the rows below the headings that are not empty.
    """

    headings: list[str]
    rows: list[Row]


def read_sheet(data: bytes, name: str, is_heading: Callable[[list[str]], bool]) -> Sheet:
    """Read the first sheet of a file.

    Args:
        data: the file.
        name: its name, for messages.
        is_heading: whether a row is the one with the headings; titles may stand above it.

    Raises:
        ConfigError: it is no sheet, or has no headings.
    """
    rows = _excel(data, name) if data.startswith(_XLSX) else _csv(data, name)
    filled = ((number, cells) for number, cells in rows if any(cells))
    for number, cells in filled:
        if is_heading(cells):
            return Sheet(cells, list(filled))
        if number >= _HEADING_WITHIN:
            break
    raise ConfigError(f"{name}: no row of headings among the first {_HEADING_WITHIN}; see docs/register.md")


def _csv(data: bytes, name: str) -> Iterator[Row]:
    text = _text(data, name)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for number, cells in enumerate(reader, 1):
            yield number, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise ConfigError(f"{name}: no CSV after line {reader.line_num}: {error}") from error


def _text(data: bytes, name: str) -> str:
    if data.startswith(_XLS):
        raise ConfigError(f"{name} is an old Excel file (.xls): save it as .xlsx or as CSV")
    encodings = ("utf-16",) if data.startswith(_UTF16) else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ConfigError(f"{name} is neither Excel (.xlsx) nor text in UTF-8 or GBK: save it as .xlsx")


def _excel(data: bytes, name: str) -> Iterator[Row]:
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            yield from _rows(book.worksheets[0].iter_rows(values_only=True))
        finally:
            book.close()
    except (InvalidFileException, zipfile.BadZipFile, KeyError, IndexError, ValueError, SyntaxError) as error:
        raise ConfigError(f"{name} is no Excel workbook (.xlsx): {error}") from error


def _rows(found: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
    for number, cells in enumerate(found, 1):
        yield number, [_cell(cell) for cell in cells]


def _cell(value: Any) -> str:
    """A cell as it was meant: 320602 and not 320602.0."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**_EXACT_DIGITS:
        return str(int(value))
    if isinstance(value, int | float) and abs(value) >= 10**_EXACT_DIGITS:
        return f"{value:.14E}"  # rounded by Excel: recognised, and refused, where an id is expected
    return str(value).strip()

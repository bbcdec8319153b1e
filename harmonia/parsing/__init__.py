"""The one border for what is read: text and files of others -> plain values, or an `InputError`.

JSON, YAML, Parquet and pydantic models are parsed here and nowhere else
(`tests/test_house.py` looks), within limits of size and depth, and every error names
file, row and field.
"""

from harmonia.parsing.csv_text import CsvRows
from harmonia.parsing.json_text import json_rows, parse_json, read_json, read_json_lines, read_object
from harmonia.parsing.models import (
    NotBlank,
    Settings,
    hidden_error,
    input_error,
    require_new,
    table_of_settings,
    type_parts,
    validated,
)
from harmonia.parsing.parquet import (
    noted_in,
    parquet_columns,
    parquet_rows,
    parquet_schema,
    parquet_tables,
    read_parquet,
)
from harmonia.parsing.yaml_text import Yaml, parse_yaml

__all__ = [
    "CsvRows",
    "NotBlank",
    "Settings",
    "Yaml",
    "hidden_error",
    "input_error",
    "json_rows",
    "noted_in",
    "parquet_columns",
    "parquet_rows",
    "parquet_schema",
    "parquet_tables",
    "parse_json",
    "parse_yaml",
    "read_json",
    "read_json_lines",
    "read_object",
    "read_parquet",
    "require_new",
    "table_of_settings",
    "type_parts",
    "validated",
]

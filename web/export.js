// The table as files. Columns of the CSV: docs/contract.md, and what a person said.

import { firstReading, stateOf } from "./rows.js";

const COLUMNS = ["file", "text", "kind", "format", "score", "status", "printed", "error", "read_as"];

function cell(value) {
  let text = value === undefined || value === null ? "" : String(value);
  // A spreadsheet would take these for formulas.
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function toCsv(rows) {
  const lines = [COLUMNS.join(",")];
  for (const row of rows) {
    const reading = firstReading(row) || {};
    lines.push([row.file, row.text, reading.kind, reading.format, reading.score, stateOf(row),
      reading.printed, row.failure, reading.text].map(cell).join(","));
  }
  return `${lines.join("\r\n")}\r\n`;
}

export function toJsonLines(rows) {
  return rows.map((row) => JSON.stringify({
    ...(row.result || { error: { message: row.failure } }),
    file: row.file, at: row.at, text: row.text, checked: row.checked,
  })).map((line) => `${line}\n`).join("");
}

/** Has the browser save a text or a blob. */
export function offer(name, type, data) {
  const url = URL.createObjectURL(data instanceof Blob ? data : new Blob([data], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

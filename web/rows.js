// The table's rows: what was read, kept in this browser without the pictures themselves.
//
// A row: { id, file, at, result, text, checked, failure }
//   result   the service's answer, or null when it failed
//   text     the serial number in force: as read, or as a person corrected it; "" for none
//   checked  a person has looked at it
//   failure  why there is no result

const STORE = "serialeye-rows";
const MOST = 5000; // rows that are kept

let rows = [];
let nextId = 1;
const listeners = new Set();
const pictures = new Map(); // id → object URL, of this visit alone

function load() {
  try {
    rows = JSON.parse(localStorage.getItem(STORE) || "[]");
  } catch {
    rows = []; // not ours, or cut off: begin anew
  }
  if (!Array.isArray(rows)) rows = [];
  nextId = 1 + rows.reduce((most, row) => Math.max(most, row.id || 0), 0);
}

let keepFailed = false;

function changed() {
  try {
    localStorage.setItem(STORE, JSON.stringify(rows));
    keepFailed = false;
  } catch {
    keepFailed = true; // full or forbidden; the page says so (notKept)
  }
  for (const listener of listeners) listener();
}

/** Can the table not be kept, because the browser's storage is full or forbidden? */
export function notKept() {
  return keepFailed;
}

export function onChange(listener) {
  listeners.add(listener);
}

export function allRows() {
  return rows;
}

export function rowById(id) {
  return rows.find((row) => row.id === id);
}

export function firstReading(row) {
  return row.result?.readings?.[0] || null;
}

export function pictureOf(row) {
  return pictures.get(row.id);
}

function add(row, blob) {
  row.id = nextId++;
  row.at = new Date().toISOString();
  if (blob) pictures.set(row.id, URL.createObjectURL(blob));
  rows.unshift(row);
  for (const old of rows.splice(MOST)) forget(old);
  changed();
  return row;
}

export function addResult(file, result, blob) {
  const text = result.readings?.[0]?.text || "";
  return add({ file, result, text, checked: false, failure: "" }, blob);
}

export function addFailure(file, failure, blob) {
  return add({ file, result: null, text: "", checked: false, failure }, blob);
}

/** A person's word: this is the serial number. */
export function settle(row, text) {
  row.text = text;
  row.checked = true;
  changed();
}

function forget(row) {
  const url = pictures.get(row.id);
  if (url) URL.revokeObjectURL(url);
  pictures.delete(row.id);
}

export function remove(row) {
  rows = rows.filter((one) => one !== row);
  forget(row);
  changed();
}

export function clear() {
  rows.forEach(forget);
  rows = [];
  changed();
}

/** Texts that stand in more than one row. */
export function duplicates() {
  const count = new Map();
  for (const row of rows) if (row.text) count.set(row.text, (count.get(row.text) || 0) + 1);
  return new Set([...count].filter(([, times]) => times > 1).map(([text]) => text));
}

/** One word for the state of a row. */
export function stateOf(row) {
  if (!row.result) return "failed";
  if (row.checked) return "checked";
  const reading = firstReading(row);
  if (!reading) return "none";
  return reading.status || "uncalibrated";
}

/** Does a person still have to look at it? */
export function isOpen(row) {
  return !["sure", "checked"].includes(stateOf(row));
}

load();

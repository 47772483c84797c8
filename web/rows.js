// The table's rows: what was read, kept in this browser without the pictures themselves.
//
// A row: { id, readingId, file, at, result, partial, text, checked, failure }
//   readingId  under which the service keeps it; 0: it does not
//   result   the service's answer, or null when it failed
//   partial  the result has no more than the first reading's text: see complete
//   text     the serial number in force: as read, or as a person corrected it; "" for none
//   checked  a person has looked at it
//   failure  why there is no result

import { correct, keptPicture, reading } from "./service.js";

const STORE = "serialeye-rows";
const MOST = 5000; // rows that are kept

let rows = [];
let nextId = 1;
const listeners = new Set();
const pictures = new Map(); // id → object URL, of what this visit has read or asked for

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

/** The picture's address in this page: of this visit, or as the service has kept it; null: neither. */
export async function pictureOf(row) {
  if (!pictures.has(row.id) && row.readingId) {
    const blob = await keptPicture(row.readingId);
    if (blob && rows.includes(row)) pictures.set(row.id, URL.createObjectURL(blob));
  }
  return pictures.get(row.id) || null;
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

export function addResult(file, { result, readingId }, blob) {
  const text = result.readings?.[0]?.text || "";
  return add({ readingId, file, result, text, checked: false, failure: "" }, blob);
}

export function addFailure(file, failure, blob) {
  return add({ readingId: 0, file, result: null, text: "", checked: false, failure }, blob);
}

function rowOf(kept) {
  const { text, printed, kind, format, score, status } = kept;
  return {
    id: nextId++, readingId: kept.id, file: kept.file || "", at: kept.at,
    result: kept.error ? null
      : { file: kept.file, readings: text ? [{ text, printed, kind, format, score, status }] : [] },
    partial: !kept.error, text: text || "", checked: false, failure: kept.error?.message || "",
  };
}

/** Takes readings of the service's list; what is here already gets its correction. Returns how many
 * rows are new. */
export function addFromService(list) {
  const known = new Map(rows.map((row) => [row.readingId, row]));
  const fresh = [];
  for (const kept of list) {
    const row = known.get(kept.id) || rowOf(kept);
    if (!known.has(kept.id)) fresh.push(row);
    if (kept.corrected !== null) Object.assign(row, { text: kept.corrected, checked: true });
  }
  rows = [...rows, ...fresh].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
  for (const old of rows.splice(MOST)) forget(old);
  changed();
  return fresh.length;
}

/** Fetches what a partial row lacks. */
export async function complete(row) {
  if (!row.partial) return;
  const kept = await reading(row.readingId);
  row.result = kept.result || row.result;
  row.partial = false;
  changed();
}

let notSaved = () => {};

/** `listener(error)` is called when the service does not take a person's word. */
export function onNotSaved(listener) {
  notSaved = listener;
}

/** A person's word: this is the serial number. The service is told, too. */
export function settle(row, text) {
  row.text = text;
  row.checked = true;
  changed();
  if (row.readingId) correct(row.readingId, text || null).catch(notSaved);
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

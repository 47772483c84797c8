// The table of results.

import { byId, make, percent } from "./dom.js";
import { allRows, duplicates, firstReading, isOpen, notKept, stateOf } from "./rows.js";

const WORDS = {
  sure: "sure", check: "please check", unreadable: "unreadable", checked: "checked",
  none: "no serial number", failed: "failed", uncalibrated: "not calibrated",
};
const BADGE = { none: "check", uncalibrated: "plain" };

function badge(state) {
  return make("span", { class: `badge ${BADGE[state] || state}` }, WORDS[state] || state);
}

/** The characters, the doubtful ones marked, where the text is still as it was read. */
function characters(row) {
  const reading = firstReading(row);
  if (!reading?.chars || row.text !== reading.text) return [row.text];
  return reading.chars.map((one) =>
    one.status === "read" ? one.c : make("span", { class: one.status }, one.c));
}

function passes(row, search, filter, twice) {
  if (filter === "open" && !isOpen(row)) return false;
  if (filter === "twice" && !twice.has(row.text)) return false;
  if (filter === "failed" && stateOf(row) !== "failed") return false;
  return !search || `${row.text} ${row.file}`.toUpperCase().includes(search);
}

function tableRow(row, twice, open) {
  const reading = firstReading(row);
  const state = stateOf(row);
  const shown = row.text ? characters(row) : [state === "failed" ? "—" : "none found"];
  return make("tr", { "data-id": row.id, "data-state": state },
    make("td", {},
      make("button", { type: "button", class: "serial", onclick: () => open(row) }, ...shown)),
    make("td", {}, badge(state), " ",
      twice.has(row.text) ? make("span", { class: "badge twice" }, "duplicate") : null,
      reading && !row.checked ? make("span", { class: "note" }, percent(reading.score)) : null),
    make("td", { class: "kind" }, reading?.kind || ""),
    make("td", { class: "picture" }, row.file, row.failure
      ? make("span", { class: "note" }, row.failure) : null));
}

/** The rows that search and filter leave, in the table's order. */
export function shownRows() {
  const search = byId("search").value.trim().toUpperCase();
  const filter = byId("filter").value;
  const twice = duplicates();
  return allRows().filter((row) => passes(row, search, filter, twice));
}

const MOST_SHOWN = 500; // a page of thousands of rows would be slow; searching reaches the rest

export function drawTable(open) {
  const all = allRows();
  const shown = shownRows();
  const twice = duplicates();
  byId("rows").replaceChildren(
    ...shown.slice(0, MOST_SHOWN).map((row) => tableRow(row, twice, open)));
  byId("nothing").hidden = all.length > 0;
  for (const id of ["csv", "jsonl", "clear"]) byId(id).disabled = all.length === 0;
  const words = [`${all.length} ${all.length === 1 ? "picture" : "pictures"}`];
  const toCheck = all.filter(isOpen).length;
  if (toCheck) words.push(`${toCheck} to be checked`);
  if (twice.size) words.push(`${twice.size} serial ${twice.size === 1 ? "number" : "numbers"} more than once`);
  if (shown.length > MOST_SHOWN) words.push(`the first ${MOST_SHOWN} of ${shown.length} are shown`);
  if (notKept()) words.push("this browser cannot keep the table: export it");
  byId("counts").textContent = all.length ? words.join(" · ") : "";
}

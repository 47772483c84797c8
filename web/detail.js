// One picture: what was read where, and a person's word on it.

import { byId, make, makeSvg, percent } from "./dom.js";
import { complete, firstReading, pictureOf, remove, settle, stateOf } from "./rows.js";

/** The size of the picture that is shown, and the readings in it: of several pictures of one device
 * it is the one that the first reading is in. */
function seenIn(result) {
  const all = result?.readings || [];
  const { width, height } = result?.pictures?.[all[0]?.picture || 0] || result || {};
  return { width, height, readings: all.filter((one) => one.picture === all[0].picture) };
}

function picture(row, url) {
  if (!url)
    return make("p", { class: "note" }, "The picture itself is kept by nobody: only the page that read it can show it.");
  const { width, height, readings } = seenIn(row.result);
  const image = make("img", { src: url, alt: `The picture ${row.file}` });
  const box = make("div", { class: "seen" }, image);
  if (width && height) box.style.maxWidth = `${(70 * width) / height}vh`; // no higher than 70 vh
  if (width && height && readings.length) {
    const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    readings.forEach((reading, i) => svg.append(makeSvg("polygon", {
      points: reading.quad.map((point) => point.join(",")).join(" "),
      class: i === 0 ? "first" : "",
    }, makeSvg("title", {}, reading.text))));
    box.append(svg);
  }
  image.addEventListener("error", () => {
    box.replaceChildren(make("p", { class: "note" }, "This browser cannot show this type of picture."));
  });
  return box;
}

function describe(one) {
  if (one.status === "corrected") return `${one.c}, corrected: ${one.rule || ""}`;
  if (one.status === "confused") return `${one.c}, or ${one.alt}? ${percent(one.p)}`;
  return `${one.c}, ${percent(one.p)}`;
}

/** The characters; a tap on a doubtful one puts its runner-up in its place, another takes it back. */
function characterList(reading, input) {
  const list = make("ul", { class: "chars", "aria-label": "Characters" });
  const chosen = reading.chars.map((one) => one.c);
  reading.chars.forEach((one, i) => {
    const face = make("b", {}, one.c);
    const p = make("small", {}, percent(one.p));
    if (!one.alt) {
      list.append(make("li", {}, make("span", { class: one.status, title: describe(one) }, face, p)));
      return;
    }
    const button = make("button", {
      type: "button", class: one.status, title: describe(one), "aria-label": describe(one),
      "aria-pressed": "false",
    }, face, p);
    button.addEventListener("click", () => {
      const swap = chosen[i] === one.c;
      chosen[i] = swap ? one.alt : one.c;
      face.textContent = chosen[i];
      p.textContent = percent((swap ? one.alt_p : one.p) || 0);
      button.classList.toggle("swapped", swap);
      button.setAttribute("aria-pressed", String(swap));
      input.value = chosen.join("");
    });
    list.append(make("li", {}, button));
  });
  return list;
}

function answerForm(row, close) {
  const input = make("input", {
    type: "text", value: row.text, spellcheck: "false", autocapitalize: "characters",
    autocomplete: "off", maxlength: "100",
  });
  const form = make("form", { class: "answer" },
    make("label", {}, "Serial number", input),
    make("button", { type: "submit", class: "main" }, "It is right"),
    make("button", { type: "button", onclick: () => { remove(row); close(); } }, "Remove"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    settle(row, input.value.trim().toUpperCase());
    close();
  });
  return { form, input };
}

function otherReadings(row, input) {
  const first = firstReading(row);
  const others = [
    ...(first?.alternatives || []).map((one) => ({ ...one, kind: "or" })),
    ...(row.result?.readings || []).slice(1),
  ];
  if (!others.length) return null;
  const list = make("div", { class: "buttons" });
  for (const one of others.slice(0, 12))
    list.append(make("button", { type: "button", onclick: () => { input.value = one.text; } },
      `${one.text} (${one.kind}, ${percent(one.score)})`));
  return make("div", {}, make("p", { class: "note" }, "Also seen:"), list);
}

function facts(row) {
  const reading = firstReading(row);
  const { result } = row;
  const list = make("dl");
  const add = (name, value) => value && list.append(make("dt", {}, name), make("dd", {}, String(value)));
  add("Printed as", reading?.printed);
  add("Format", reading?.format);
  add("Score", reading?.score !== undefined && `${percent(reading.score)}${reading.status ? "" : ", not calibrated"}`);
  add("From", reading?.sources?.join(" and "));
  add("Picture", row.file);
  add("Read in", result?.ms !== undefined && `${Math.round(result.ms)} ms${result.limit ? ", cut short by the time limit" : ""}`);
  add("Failed", row.failure);
  return list;
}

/** What the service can add to a row; without an answer, what the page has is shown. */
async function ask(service) {
  try {
    return await service;
  } catch {
    return null;
  }
}

export async function openDetail(row) {
  await ask(complete(row));
  const url = await ask(pictureOf(row));
  const dialog = byId("detail");
  const close = () => dialog.close();
  byId("detail-title").textContent = row.text || (stateOf(row) === "failed" ? "Failed" : "No serial number");
  const body = byId("detail-body");
  body.replaceChildren(picture(row, url));
  const reading = firstReading(row);
  if (row.result) {
    const { form, input } = answerForm(row, close);
    if (reading?.chars) body.append(characterList(reading, input));
    body.append(form);
    const others = otherReadings(row, input);
    if (others) body.append(others);
  } else {
    body.append(make("div", { class: "buttons" },
      make("button", { type: "button", onclick: () => { remove(row); close(); } }, "Remove")));
  }
  body.append(facts(row));
  dialog.showModal();
  byId("detail-close").focus();
}

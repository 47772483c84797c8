// The page: pictures in, a table out.

import { Camera, cameraIsPossible } from "./camera.js";
import { openDetail } from "./detail.js";
import { byId } from "./dom.js";
import { offer, toCsv, toJsonLines } from "./export.js";
import { pause, Queue } from "./queue.js";
import { addFailure, addFromService, addResult, clear, onChange, onNotSaved } from "./rows.js";
import { isReady, keepsPictures, pair, readingsAsXlsx, readingsBefore, setKey } from "./service.js";
import { drawTable, shownRows } from "./table.js";

const draw = () => drawTable(openDetail);

// ---- pictures in ---------------------------------------------------------------------------------

const queue = new Queue(
  (file, answer, error) => {
    if (answer) addResult(file.name, answer, file);
    else addFailure(file.name, error.message, file);
    if (error?.code === "unauthorized") askForKey();
  },
  ({ done, total }) => {
    byId("work").hidden = queue.isIdle;
    byId("progress").value = total ? done / total : 0;
    byId("work-says").textContent = `${done} of ${total} pictures read`;
  });

function take(files) {
  const pictures = [...files].filter((file) => file.type.startsWith("image/") || !file.type);
  const others = files.length - pictures.length;
  if (others) byId("service").textContent =
    `${others} ${others === 1 ? "file was" : "files were"} left out: no picture.`;
  if (pictures.length) queue.add(pictures);
}

for (const id of ["files", "capture"])
  byId(id).addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = ""; // the same file may be chosen again
  });

const drop = byId("drop");
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take(event.clipboardData.files);
});

byId("stop").addEventListener("click", () => {
  const left = queue.stop();
  byId("service").textContent = `Stopped; ${left} ${left === 1 ? "picture was" : "pictures were"} not read.`;
});

const camera = new Camera((blob, answer) => addResult("camera.jpg", answer, blob));
byId("camera-open").addEventListener("click", () => {
  if (cameraIsPossible()) camera.open();
  else byId("capture").click();
});

// ---- the table -----------------------------------------------------------------------------------

onChange(draw);
byId("search").addEventListener("input", draw);
byId("filter").addEventListener("change", draw);
byId("csv").addEventListener("click", () => offer("serials.csv", "text/csv", toCsv(shownRows())));
byId("jsonl").addEventListener("click", () =>
  offer("serials.jsonl", "application/jsonl", toJsonLines(shownRows())));

byId("xlsx").addEventListener("click", async () => {
  try {
    offer("readings.xlsx", "", await readingsAsXlsx(byId("search").value.trim()));
  } catch (error) {
    complain(error);
  }
});

let earlier = { search: null, before: 0 }; // where the service's list goes on

byId("earlier").addEventListener("click", async () => {
  const search = byId("search").value.trim();
  if (search !== earlier.search) earlier = { search, before: 0 };
  try {
    const list = await readingsBefore(earlier.before, search);
    const added = addFromService(list.readings);
    earlier.before = list.next_before || earlier.before;
    byId("service").textContent = list.next_before
      ? `${added} earlier readings; there are more` : `${added} earlier readings; there are no others`;
  } catch (error) {
    complain(error);
  }
});

byId("clear").addEventListener("click", () => {
  if (window.confirm("Empty the table in this browser?")) clear();
  earlier = { search: null, before: 0 };
});
byId("detail-close").addEventListener("click", () => byId("detail").close());

// ---- the service ---------------------------------------------------------------------------------

function complain(error) {
  byId("service").textContent = error.message;
  if (error.code === "unauthorized") askForKey();
}

onNotSaved(complain);

function askForKey() {
  byId("key-form").hidden = false;
  byId("key").focus();
}

byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  setKey(byId("key").value);
  byId("key").value = "";
  byId("key-form").hidden = true;
});

/** The QR code of the service's terminal opens the page with a code in its address. */
async function takeCode() {
  const code = new URLSearchParams(window.location.hash.slice(1)).get("code");
  if (!code) return;
  window.history.replaceState(null, "", window.location.pathname);
  try {
    await pair(code);
  } catch (error) {
    complain(error);
  }
}

async function watchService() {
  const says = byId("service");
  for (;;) {
    try {
      if (await isReady()) {
        says.textContent = "Ready";
        if (await keepsPictures()) byId("nothing").textContent =
          "Nothing yet. Pictures go to this service alone, which keeps them and what was read.";
        return;
      }
      says.textContent = "The models are being loaded …";
    } catch (error) {
      says.textContent = `Not ready: ${error.message}`;
    }
    await pause(1000);
  }
}

draw();
takeCode();
watchService();

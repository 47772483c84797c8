// The camera: looks again and again until a serial number is sure, then says so.
//
// Browsers give a camera to pages from localhost or over HTTPS alone; elsewhere the file input's
// capture takes its place.

import { byId } from "./dom.js";
import { readPicture } from "./service.js";
import { pause } from "./queue.js";

const FRAME_SIDE = 1600;   // pixels, longer side of what is sent
const FRAME_LIMIT_MS = 700; // for a frame: the next one may be sharper
const AGREE = 3;           // frames that say the same, where scores are not calibrated

export function cameraIsPossible() {
  return Boolean(window.isSecureContext && navigator.mediaDevices?.getUserMedia);
}

function signal() {
  navigator.vibrate?.(150);
  try {
    const audio = new AudioContext();
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    volume.gain.value = 0.15;
    tone.frequency.value = 1320;
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.12);
    tone.onended = () => audio.close();
  } catch {
    // No sound on this device; the text on the page says the same.
  }
}

export class Camera {
  #stream = null;
  #stop = null; // AbortController of the search under way
  #best = null; // { blob, answer } of the last frame with a reading

  /** found(blob, answer): a serial number was found, or taken as it is. */
  constructor(found) {
    this.found = found;
    byId("camera-next").addEventListener("click", () => this.#search());
    byId("camera-accept").addEventListener("click", () => this.#take());
    byId("camera-close").addEventListener("click", () => this.close());
  }

  async open() {
    const says = byId("camera-says");
    byId("camera").hidden = false;
    says.textContent = "Waiting for the camera …";
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1080 } },
        audio: false,
      });
    } catch (error) {
      says.textContent = error.name === "NotAllowedError"
        ? "The browser does not allow the camera." : "There is no camera that can be used.";
      return;
    }
    const video = byId("video");
    video.srcObject = this.#stream;
    await video.play();
    await this.#search();
  }

  close() {
    this.#stop?.abort();
    for (const track of this.#stream?.getTracks() || []) track.stop();
    this.#stream = null;
    byId("video").srcObject = null;
    byId("camera").hidden = true;
  }

  #frame() {
    const video = byId("video");
    const scale = Math.min(1, FRAME_SIDE / Math.max(video.videoWidth, video.videoHeight, 1));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(video.videoWidth * scale));
    canvas.height = Math.max(1, Math.round(video.videoHeight * scale));
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.92); });
  }

  async #search() {
    this.#stop?.abort();
    this.#stop = new AbortController();
    this.#best = null;
    byId("camera-next").hidden = byId("camera-accept").hidden = true;
    const says = byId("camera-says");
    says.textContent = "Hold the serial number into the picture.";
    try {
      await this.#lookUntilSure(this.#stop.signal, says);
    } catch (error) {
      if (error.name !== "AbortError") says.textContent = error.message;
    }
  }

  async #lookUntilSure(stop, says) {
    let last = "", agreed = 0;
    while (!stop.aborted) {
      const blob = await this.#frame();
      if (!blob) { // the video has not begun
        await pause(200, stop);
        continue;
      }
      let answer;
      try {
        answer = await readPicture(blob, { name: "camera.jpg", timeLimit: FRAME_LIMIT_MS, signal: stop });
      } catch (error) {
        if (!error.retryAfter) throw error;
        await pause(error.retryAfter * 1000, stop);
        continue;
      }
      const reading = answer.result.readings[0];
      if (!reading) continue;
      this.#best = { blob, answer };
      agreed = reading.text === last ? agreed + 1 : 1;
      last = reading.text;
      if (reading.status === "sure" || (!reading.status && agreed >= AGREE)) {
        signal();
        this.#take();
        return;
      }
      says.textContent = `${reading.text} … not sure yet`;
      byId("camera-accept").hidden = false;
    }
  }

  #take() {
    if (!this.#best) return;
    const { blob, answer } = this.#best;
    this.#stop?.abort();
    byId("camera-says").textContent = `Found ${answer.result.readings[0].text}`;
    byId("camera-accept").hidden = true;
    byId("camera-next").hidden = false;
    this.found(blob, answer);
  }
}

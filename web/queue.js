// Pictures on their way to the service: a few at a time, in the order they were given. An overloaded
// service is asked again when it says so; one that cannot be reached stops the queue.

import { readPicture } from "./service.js";

const SIDE_BY_SIDE = 3;
const MOST_WAIT_S = 30;

export class Queue {
  #waiting = [];
  #running = 0;
  #total = 0;
  #done = 0;
  #abort = new AbortController();

  /** done(file, answer, null) or done(file, null, error); progress({done, total, stopped}). */
  constructor(done, progress) {
    this.done = done;
    this.progress = progress;
  }

  add(files) {
    if (this.#running === 0 && this.#waiting.length === 0) {
      this.#total = this.#done = 0;
      this.#abort = new AbortController();
    }
    this.#waiting.push(...files);
    this.#total += files.length;
    this.#report();
    while (this.#running < SIDE_BY_SIDE && this.#waiting.length > 0) this.#run();
  }

  /** Gives up what is waiting and what is under way. Returns how many pictures those were. */
  stop() {
    const left = this.#total - this.#done;
    this.#waiting = [];
    this.#abort.abort();
    return left;
  }

  #report() {
    this.progress({ done: this.#done, total: this.#total });
  }

  async #run() {
    this.#running++;
    const { signal } = this.#abort;
    for (let file = this.#waiting.shift(); file; file = this.#waiting.shift()) {
      await this.#readOne(file, signal);
      if (signal.aborted) break;
    }
    this.#running--;
    this.#report();
  }

  async #readOne(file, signal) {
    try {
      const answer = await this.#patiently(file, signal);
      this.#done++;
      this.done(file, answer, null);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.#done++;
      this.done(file, null, error);
      if (["unauthorized", "offline"].includes(error.code)) this.stop();
    }
    this.#report();
  }

  async #patiently(file, signal) {
    for (;;) {
      try {
        return await readPicture(file, { name: file.name, signal });
      } catch (error) {
        if (!error.retryAfter) throw error;
        await pause(Math.min(error.retryAfter, MOST_WAIT_S) * 1000, signal);
      }
    }
  }

  get isIdle() {
    return this.#running === 0 && this.#waiting.length === 0;
  }
}

export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    }, { once: true });
  });
}

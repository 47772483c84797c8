// The service as this page uses it. Answers are the objects of docs/contract.md.

const KEY = "serialeye-key";

/** A request that was answered with a problem (RFC 9457), or not at all (code "offline"). */
export class ServiceError extends Error {
  constructor(code, message, retryAfter = 0) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfter; // seconds; 0: the service does not ask to try again
  }
}

/** `stay`: the browser keeps the key, not only until its tab is closed. */
export function setKey(key, stay = false) {
  (stay ? localStorage : sessionStorage).setItem(KEY, key);
}

/** Exchanges the code of the service's terminal for a key that this browser keeps. */
export async function pair(code) {
  const response = await request("/v1/pair", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ code }),
  });
  setKey((await response.json()).key, true);
}

async function request(path, options = {}) {
  const headers = { ...options.headers };
  const key = sessionStorage.getItem(KEY) || localStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError("offline", "the service cannot be reached");
  }
  if (response.ok) return response;
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // Not from the service itself: the status line is all there is.
  }
  throw new ServiceError(
    problem.code || (response.status === 401 ? "unauthorized" : "http"),
    problem.detail || `${response.status} ${response.statusText}`,
    Number(response.headers.get("Retry-After")) || 0);
}

/**
 * Reads one picture: { result, readingId }, the latter 0 when the service does not keep it.
 * `timeLimit` in milliseconds; undefined: what the service is set to.
 */
export async function readPicture(blob, { name, timeLimit, signal } = {}) {
  const query = new URLSearchParams();
  if (name) query.set("name", name);
  if (timeLimit !== undefined) query.set("time_limit_ms", String(timeLimit));
  const response = await request(`/v1/read?${query}`, {
    method: "POST",
    headers: { "Content-Type": blob.type || "application/octet-stream" },
    body: blob,
    signal,
  });
  return {
    result: await response.json(),
    readingId: Number(response.headers.get("X-Reading-Id")) || 0,
  };
}

/** Tells the service what a reading's number really is; null: nobody has said so. */
export async function correct(readingId, text) {
  await request(`/v1/readings/${readingId}/correction`, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ text }),
  });
}

/** What the service has read: { readings, next_before }, the newest first. */
export async function readingsBefore(before, search) {
  const query = new URLSearchParams({ limit: "50" });
  if (before) query.set("before", String(before));
  if (search) query.set("q", search);
  return (await request(`/v1/readings?${query}`)).json();
}

/** One of them with its whole result. */
export async function reading(readingId) {
  return (await request(`/v1/readings/${readingId}`)).json();
}

/** The picture that the service has kept of a reading, as a blob; null: it has none. */
export async function keptPicture(readingId) {
  try {
    return await (await request(`/v1/readings/${readingId}/picture`)).blob();
  } catch (error) {
    if (error.code === "not_found") return null;
    throw error;
  }
}

/** What the service has read, as an XLSX file: a blob. */
export async function readingsAsXlsx(search) {
  const query = new URLSearchParams({ format: "xlsx" });
  if (search) query.set("q", search);
  return (await request(`/v1/export?${query}`)).blob();
}

/** Does the service keep pictures? null: it does not say. */
export async function keepsPictures() {
  try {
    return (await (await request("/health")).json()).keeps_pictures;
  } catch {
    return null; // without a key; nothing depends on it but words
  }
}

/** true when ready, false while the models load; a ServiceError when it cannot be reached. */
export async function isReady() {
  try {
    await request("/health/ready");
    return true;
  } catch (error) {
    if (error.code === "not_ready") return false;
    throw error;
  }
}

// Sends documents as raw bodies, two at a time, and shows how far each is. Without this module the form does the same,
// without progress. The endpoint answers 201 with JSON, or with a problem document (RFC 9457) whose detail is for people.

const AT_ONCE = 2;
const form = document.getElementById("upload");
const input = form.querySelector("input[type=file]");
const zone = form.querySelector(".drop");
const list = document.getElementById("uploads");
const status = document.getElementById("upload-status");
const maxSize = Number(form.dataset.maxSize);
// What is refused with one of these (too large, of a wrong type, against a rule) would be refused again.
const FINAL = [403, 411, 413, 415, 422];
const waiting = [];
let running = 0;

class Upload {
  constructor(file) {
    this.file = file;
    this.row = document.getElementById("upload-row").content.cloneNode(true).querySelector("li");
    this.row.querySelector(".name").textContent = file.name;
    this.bar = this.row.querySelector("progress");
    this.bar.setAttribute("aria-label", `Progress of ${file.name}`);
    for (const button of this.row.querySelectorAll("[data-do]")) {
      button.setAttribute("aria-label", `${button.textContent} ${file.name}`);
      button.addEventListener("click", () => this[button.dataset.do]());
    }
    list.append(this.row);
  }

  offer() {
    this.show("waiting", "Waiting", ["cancel"]);
    const reason = refusal(this.file);
    if (reason) {
      this.fail(`${reason} It was not sent.`, ["dismiss"]);
      return;
    }
    waiting.push(this);
    startNext();
  }

  send() {
    running += 1;
    const request = (this.request = new XMLHttpRequest());
    this.startedAt = performance.now();
    request.open("POST", form.dataset.raw);
    request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
    request.setRequestHeader("X-Filename", encodeURIComponent(wellFormed(this.file.name)));
    request.setRequestHeader("Content-Type", this.file.type || "application/octet-stream");
    request.upload.addEventListener("progress", (event) => this.progress(event.loaded));
    request.addEventListener("load", () => this.answered(request));
    request.addEventListener("error", () =>
      this.fail("The connection broke, or the file changed on your side. Nothing of it was kept.", ["retry", "dismiss"]));
    request.addEventListener("abort", () => this.dismiss(`${this.file.name}: cancelled, nothing of it was kept.`));
    request.addEventListener("loadend", () => {
      running -= 1;
      startNext();
    });
    request.send(this.file);
  }

  progress(sent) {
    const size = this.file.size;
    const share = size ? Math.min(100, Math.floor((100 * sent) / size)) : 100;
    const speed = (1000 * sent) / Math.max(1, performance.now() - this.startedAt);
    this.bar.value = share;
    const text = sent < size ? `${share} % of ${bytes(size)}, ${bytes(speed)}/s` : "100 %, being sealed";
    this.show("sending", text, ["cancel"]);
  }

  answered(request) {
    const answer = json(request);
    if (request.status === 201 && answer) {
      this.dismiss(`${this.file.name} was uploaded and waits to be confirmed.`);
      document.dispatchEvent(new Event("upload-staged"));
    } else if (answer?.detail) {
      this.fail(answer.detail, FINAL.includes(request.status) ? ["dismiss"] : ["retry", "dismiss"]);
    } else if (request.status === 413) {
      this.fail("The server in front of the vault takes nothing so large. Tell your operator.", ["dismiss"]);
    } else if (request.status === 200 || request.status === 403) {
      this.fail("You were signed out, or this page is too old. Reload it, sign in, and send it again.", ["dismiss"]);
    } else {
      this.fail(`The server answered ${request.status}. Nothing of it was kept; try again in a minute.`, ["retry", "dismiss"]);
    }
  }

  fail(reason, offers) {
    this.show("failed", reason, offers);
    status.textContent = `${this.file.name} was not uploaded. ${reason}`;
  }

  cancel() {
    const place = waiting.indexOf(this);
    if (place >= 0) {
      waiting.splice(place, 1);
      this.dismiss(`${this.file.name}: cancelled.`);
    } else {
      this.request.abort();
    }
  }

  retry() {
    this.bar.value = 0;
    this.offer();
  }

  dismiss(said = "") {
    const hadFocus = this.row.contains(document.activeElement);
    this.row.remove();
    if (said) status.textContent = said;
    if (hadFocus) input.focus();
  }

  show(state, text, offers) {
    this.row.className = state;
    this.row.querySelector(".state").textContent = text;
    this.bar.classList.toggle("hide", state === "failed");
    for (const button of this.row.querySelectorAll("[data-do]")) {
      button.classList.toggle("hide", !offers.includes(button.dataset.do));
    }
  }
}

function startNext() {
  while (running < AT_ONCE && waiting.length) waiting.shift().send();
}

function take(files) {
  for (const file of files) new Upload(file).offer();
}

// Why the vault would refuse it, "" where it would not. What has no type, the vault finds out by its first bytes.
function refusal(file) {
  if (file.size > maxSize) return `${bytes(file.size)} is more than the limit of ${form.dataset.maxText}.`;
  const type = file.type.toLowerCase().split(";")[0].trim();
  const known = type && type !== "application/octet-stream";
  const types = form.dataset.types.split(" ").filter(Boolean);
  const allowed = !types.length || types.includes(type) || types.includes(`${type.split("/")[0]}/*`);
  return known && !allowed ? `${type} cannot be stored here: allowed are ${form.dataset.typesText}.` : "";
}

function json(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return null;
  }
}

function wellFormed(name) {
  // A lone surrogate, which a file name on disk can hold, has no UTF-8.
  return name.replace(/\p{Surrogate}/gu, "\ufffd");
}

function bytes(count) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  take(input.files);
  input.value = "";
});

for (const name of ["dragenter", "dragover"]) {
  zone.addEventListener(name, (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
}
zone.addEventListener("dragleave", (event) => {
  if (!zone.contains(event.relatedTarget)) zone.classList.remove("over");
});
zone.addEventListener("drop", (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  const folders = [...event.dataTransfer.items].filter((item) => item.webkitGetAsEntry?.()?.isDirectory).length;
  if (folders) status.textContent = "A folder cannot be uploaded. Open it and choose the documents in it.";
  take(folders ? [] : event.dataTransfer.files);
});
// A document dropped beside the zone would otherwise open in its place, and the page with its uploads be gone.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

addEventListener("beforeunload", (event) => {
  if (running || waiting.length) event.preventDefault();
});

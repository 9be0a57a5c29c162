// The camera: takes a frame, has it aged, shows the answer, takes the next. One frame is under way at a time, and each
// is taken when its turn has come, so none waits and none is old.
const FRAME_PX = 640, STILL_PX = 1280, GIVE_UP_MS = 10000, WINDOW_MS = 3000;
const MAX_STILL_LETTERS = 900000;
const part = (name) => element.querySelector(`[data-part="${name}"]`);
const texts = part("texts").dataset;
let stream = null, opening = 0, serial = 0, sent_ms = 0, is_waiting = false, shown_ms = [];

function tell(text, is_trouble = false) {
  const note = part("note");
  if (note.textContent === text) return;
  note.textContent = text;
  note.classList.toggle("is-trouble", is_trouble);
}

function frame(longest_px, quality) {
  const video = part("video");
  const share = Math.min(1, longest_px / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(video.videoWidth * share);
  canvas.height = Math.round(video.videoHeight * share);
  const pen = canvas.getContext("2d");
  pen.translate(canvas.width, 0);
  pen.scale(-1, 1); // as in a mirror; the label, added later, can be read
  pen.drawImage(video, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", quality);
}

function next() {
  if (!stream || is_waiting || document.hidden) return;
  is_waiting = true;
  sent_ms = performance.now();
  trigger("submit", { frame: frame(FRAME_PX, 0.85), serial: ++serial });
}

function count() {
  const now = performance.now();
  shown_ms = shown_ms.filter((then) => now - then < WINDOW_MS);
  const span_s = shown_ms.length > 1 ? (shown_ms.at(-1) - shown_ms[0]) / 1000 : 0;
  const rate = span_s ? (shown_ms.length - 1) / span_s : 0;
  element.dataset.rate = rate.toFixed(2);
  part("rate").textContent = rate ? texts.rate.replace("{rate}", rate < 10 ? rate.toFixed(1) : rate.toFixed(0)) : "";
}

async function show(answer) {
  const picture = part("picture");
  if (answer.picture) {
    picture.src = answer.picture;
    await picture.decode().catch(() => {});
    if (!stream) return;
    shown_ms.push(performance.now());
  } else {
    shown_ms = [];
  }
  element.dataset.shows = answer.picture ? "aged" : "camera";
  count();
  tell(answer.note || "", answer.is_trouble);
}

async function start() {
  if (stream || element.dataset.shows === "wait") return;
  if (!navigator.mediaDevices) return tell(texts.insecure, true);
  element.dataset.shows = "wait";
  tell(texts.opening);
  const turn = ++opening;
  let opened;
  try {
    opened = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: "user" },
    });
  } catch (error) {
    if (turn !== opening) return;
    element.dataset.shows = "nothing";
    return tell(error.name === "NotFoundError" ? texts.none : texts.refused, true);
  }
  if (turn !== opening) return opened.getTracks().forEach((track) => track.stop()); // it was stopped meanwhile
  stream = opened;
  const video = part("video");
  video.srcObject = stream;
  await video.play().catch(() => {});
  trigger("play");
  next();
}

function close() {
  if (stream) stream.getTracks().forEach((track) => track.stop());
  stream = null;
  is_waiting = false;
  shown_ms = [];
  part("video").srcObject = null;
  element.dataset.rate = "0";
  part("rate").textContent = "";
}

function stop() {
  if (!stream && !["wait", "still"].includes(element.dataset.shows)) return;
  opening++;
  close();
  part("picture").removeAttribute("src");
  element.dataset.shows = "nothing";
  tell("");
  trigger("stop");
}

function freeze() {
  if (!stream) return;
  let still = frame(STILL_PX, 0.92);
  if (still.length > MAX_STILL_LETTERS) still = frame(FRAME_PX, 0.92);
  close();
  part("picture").src = still;
  element.dataset.shows = "still";
  tell("");
  trigger("pause", { frame: still });
}

watch("value", () => {
  const answer = props.value;
  if (!answer || answer.serial !== serial || !is_waiting || !stream) return;
  is_waiting = false;
  show(answer);
  next();
});

document.addEventListener("visibilitychange", next); // nothing is sent while nobody looks
const doings = { start, stop, freeze };
document.addEventListener("live", (event) => doings[event.detail]?.());
setInterval(() => {
  if (!stream) return;
  if (!element.offsetParent) return stop(); // the visitor went to another tab
  if (is_waiting && performance.now() - sent_ms > GIVE_UP_MS) { is_waiting = false; next(); }
}, 500);

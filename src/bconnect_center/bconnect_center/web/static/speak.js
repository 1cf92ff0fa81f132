// Speak: a phrase of the catalogue or a recording, on one pole, with a reason.
import { call, data, el, follow, toast } from "./base.js";

const start = data("start");
const words = start.words;
const form = document.getElementById("speak");
const answer = document.getElementById("answer");
const line = document.getElementById("line-state");
const rows = document.getElementById("log");

// -- the log ----------------------------------------------------------------------------------

const TONES = { began: "good", waiting: "warn", refused: "bad", unheard: "bad" };

function showLog(items) {
  rows.replaceChildren(...items.map((item) => el("tr", {},
    el("td", { class: "num" }, item.at), el("td", {}, item.who), el("td", {}, item.speaker),
    el("td", {}, item.recording ? el("audio", { controls: true, preload: "none", src: `/api/speak/recording/${item.recording}`, "aria-label": item.phrase }) : item.phrase),
    el("td", {}, item.why), el("td", {}, el("span", { class: `tag ${TONES[item.state]}` }, item.word)))));
  document.getElementById("log-none").hidden = items.length > 0;
}

let reading = 0;
function soon() {
  clearTimeout(reading);
  reading = setTimeout(() => call("/api/speak/log").then(showLog, () => {}), 400);
}

showLog(start.log);

// -- the order --------------------------------------------------------------------------------

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const chosen = new FormData(form);
  const [site, speaker] = String(chosen.get("pole") ?? "").split("/");
  const phrase = chosen.get("phrase");
  if (!site || !phrase) {
    answer.className = "fault";
    answer.textContent = words.choose;
    return;
  }
  const button = document.getElementById("say");
  button.disabled = true;
  answer.className = "quiet";
  answer.textContent = "…";
  try {
    const told = await call("/api/speak", { method: "POST", json: { site, speaker, phrase, why: chosen.get("why") } });
    answer.className = "";
    answer.textContent = told.sentence;
    form.elements.why.value = "";
  } catch (error) {
    answer.className = "fault";
    answer.textContent = error.message;
  }
  button.disabled = false;
  soon();
});

document.getElementById("search")?.addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase().split(/\s+/);
  for (const label of document.querySelectorAll(".phrases label[data-words]")) {
    label.hidden = !wanted.every((word) => label.dataset.words.includes(word));
  }
});

// -- a recording ------------------------------------------------------------------------------

async function take(blob) {
  if (blob.size > start.most) return toast(words.large, true);
  try {
    const told = await call("/api/speak/recording", { method: "POST", body: blob });
    const own = document.getElementById("own");
    own.hidden = false;
    own.querySelector("input").value = told.name;
    own.querySelector("input").checked = true;
    own.querySelector(".said").textContent = words.use.replace("{n}", told.seconds);
    document.getElementById("heard").src = `/api/speak/recording/${told.name}`;
    own.scrollIntoView({ block: "nearest" });
  } catch (error) {
    toast(error.message, true);
  }
}

const button = document.getElementById("record");
const seconds = document.getElementById("seconds");
let recorder = null;

function meter(stream) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const level = document.getElementById("level");
  const began = performance.now();
  const step = () => {
    if (recorder?.state !== "recording") {
      level.style.transform = "scaleX(0)";
      context.close();
      return;
    }
    analyser.getFloatTimeDomainData(samples);
    const loud = Math.sqrt(samples.reduce((sum, v) => sum + v * v, 0) / samples.length);
    level.style.transform = `scaleX(${Math.min(1, loud * 4)})`;
    const passed = (performance.now() - began) / 1000;
    seconds.textContent = `${passed.toFixed(1)} / ${start.longest} s`;
    if (passed >= start.longest - 0.2) recorder.stop();
    requestAnimationFrame(step);
  };
  step();
}

async function record() {
  if (recorder?.state === "recording") return recorder.stop();
  if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) return toast(words.none, true);
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  } catch {
    return toast(words.denied, true);
  }
  const parts = [];
  recorder = new MediaRecorder(stream);
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = () => {
    for (const track of stream.getTracks()) track.stop();
    button.textContent = words.start;
    button.setAttribute("aria-pressed", "false");
    take(new Blob(parts, { type: recorder.mimeType }));
  };
  recorder.start();
  button.textContent = words.stop;
  button.setAttribute("aria-pressed", "true");
  meter(stream);
}

button?.addEventListener("click", record);
document.getElementById("file")?.addEventListener("change", (event) => {
  if (event.target.files[0]) take(event.target.files[0]);
});

// -- states -----------------------------------------------------------------------------------

follow("/api/live/stream", (state) => {
  if (state.kind !== "speaker") return;
  const label = document.querySelector(`[data-site="${state.site}"][data-speaker="${state.name}"]`);
  const place = label?.querySelector(".state");
  if (!place) return;
  place.className = `state ${state.tone}`;
  place.lastElementChild.textContent = state.detail ? `${state.word}: ${state.detail}` : state.word;
  soon();
}, (on) => {
  line.textContent = on ? words.live : words.lost;
  line.className = on ? "tag good" : "tag bad";
});

// The page around the video: targets, figures, reasons, buttons.

import { Connection } from "./connection.js";
import { Stage } from "./stage.js";

const STALE = 2000;  // ms without a frame after which the page says so
const TOAST = 4000;
const CONFIRM = 700;  // ms for which the box that was found around a tap is shown
const HOLD = 100;  // ms between two messages of the held button; the follower waits for 300
const LATE = 1000;  // ms without a tick in time after which the page says why the robot stands
const FORGET = 500;  // ms; a target that is started over is left out of the reports for a moment

const find = (id) => document.getElementById(id);
const canvas = find("video");
let state = { cameras: [], parts: [], alive: false, read_only: false, takes_points: false };
let head = null;  // of the newest frame, which a frozen stage does not show
let targets = [];  // that the tracker reported last
let arrived = 0;  // when it came
let frames = 0;
let watched = "";  // the camera to show, also after the connection was lost
let closedFor = "";
let connected = false;
let redrawing = null;  // id of the target that the next box starts over
let toastTimer = 0;

const stage = new Stage(canvas, {
  box: (box, shown) => start(box, shown),
  tap: (box, point, shown) => {
    if (stage.selected && !redrawing) return select(null);
    return state.takes_points ? startAt(point, shown) : start(box, shown);
  },
  pick: (id) => select(id === stage.selected ? null : id),
  drawn: (frame) => {
    report(frame);
    connection.next();
  },
});

const connection = new Connection({
  open: () => {
    connected = true;
    closedFor = "";
    if (watched) connection.send({ type: "watch", camera: watched });
    connection.next();
  },
  closed: (reason) => {
    connected = false;
    closedFor = reason;
    showState();
  },
  state: (message) => {
    state = message;
    watched ||= state.camera;
    showState();
  },
  tick: (message) => readTick(message),
  frame: (frame) => {
    head = frame.head;
    if (head.matched) targets = head.targets;  // a silent tracker's cards stay, dimmed
    arrived = performance.now();
    stage.show(frame);
    showTargets();
  },
});

// Requests

// Starts the object at a point. The image stands still until the tracker has answered, and shows
// the box that it found: the operator sees at once whether that is what was meant.
async function startAt(point, shown) {
  stage.hold(true);
  const answer = await start([...point, 0, 0], shown);
  stage.pending = answer?.success ? answer.box : null;
  stage.redraw();
  if (answer?.success) await new Promise((resolve) => { setTimeout(resolve, CONFIRM); });
  stage.pending = null;
  stage.hold(false);
}

// Starts what is in a box; resolves to the tracker's answer.
async function start(box, shown) {
  if (state.read_only) return toast("This panel is read-only.", false);
  const target = redrawing ?? "";
  setRedrawing(null);
  stage.pending = box;
  find("hint").hidden = true;
  const answer = await connection.request(
    { type: "start", camera: shown.camera, stamp: shown.stamp, box, target,
      seconds: Number(find("seconds").value) });
  stage.pending = null;
  stage.redraw();
  if (answer.success) {
    const [, , width, height] = answer.box.map(Math.round);
    canvas.dataset.started = JSON.stringify(answer.stamp);
    canvas.dataset.taken = JSON.stringify(answer.box);
    toast(`Tracking ${answer.target}: box of ${width} × ${height} px`, true);
    setPaused(false);
  } else {
    toast(`Not started: ${answer.message}`, false);
  }
  return answer;
}

async function stop(target) {
  const answer = await connection.request({ type: "stop", target });
  if (!answer.success) return toast(`Not stopped: ${answer.message}`, false);
  targets = targets.filter(({ id }) => !answer.targets.includes(id));
  if (!target || target === stage.selected) select(null);
  return toast(answer.targets.length ? `Stopped ${answer.targets.join(", ")}` : "Stopped", true);
}

// Figures of one frame that is on the screen.
function report(frame) {
  const seconds = frame.head.age + frame.network + (performance.now() - frame.arrived) / 1000;
  frames += 1;
  canvas.dataset.frames = frames;
  canvas.dataset.latency = seconds.toFixed(4);
  canvas.dataset.stamp = JSON.stringify(stage.frame.head.stamp);
  find("latency").textContent = seconds < 10 ? `${Math.round(1000 * seconds)} ms` : "–";
  const { matched, process_rate: rate, inference_ms: inference, model, device } = frame.head;
  find("rate").textContent = matched ? `${rate.toFixed(1)} fps` : "silent";
  find("inference").textContent = matched ? `${inference.toFixed(0)} ms` : "–";
  find("network").textContent = matched ? `${model}, ${device}` : "–";
}

// Targets

function select(id) {
  stage.selected = id;
  if (id === null || id !== redrawing) setRedrawing(null);
  stage.redraw();
  showTargets();
}

function setRedrawing(id) {
  redrawing = id;
  find("hint").hidden = false;
  find("hint").textContent = id ? `Draw a new box for ${id}` : "Draw a box around a target, or tap it";
  showTargets();
}

function showTargets() {
  const list = find("targets");
  list.classList.toggle("stale", !head?.matched);
  const cards = new Map([...list.children].map((card) => [card.dataset.id, card]));
  for (const target of targets) {
    const card = cards.get(target.id) ?? makeCard(target.id);
    cards.delete(target.id);
    card.reported = performance.now();
    const selected = target.id === stage.selected;
    card.className = `card ${target.state}${selected ? " selected" : ""}`;
    card.dataset.state = target.state;
    card.dataset.box = JSON.stringify(target.box);
    card.querySelector(".word").textContent =
      target.state === "lost" ? `lost ${Math.round(target.unseen)} s` : target.state;
    card.querySelector(".score").textContent = `${Math.round(100 * target.score)} %`;
    card.querySelector(".pick").setAttribute("aria-pressed", selected);
    card.querySelector(".redraw").setAttribute("aria-pressed", target.id === redrawing);
  }
  for (const [id, card] of cards) {
    if (performance.now() - card.reported < FORGET) continue;
    card.remove();
    if (id === stage.selected) select(null);
  }
  find("count").textContent = targets.length || "";
  find("none").hidden = targets.length > 0;
  find("hint").hidden = state.read_only || stage.pending !== null || !head
    || (targets.length > 0 && !redrawing);
}

function makeCard(id) {
  const card = find("card").content.cloneNode(true).firstElementChild;
  card.dataset.id = id;
  card.querySelector(".id").textContent = id;
  card.querySelector(".pick").onclick = () => select(id === stage.selected ? null : id);
  card.querySelector(".redraw").onclick = () => setRedrawing(redrawing === id ? null : id);
  card.querySelector(".end").onclick = () => stop(id);
  find("targets").append(card);
  return card;
}

// State of the connection and of the tracker

function showState() {
  const name = state.tracker?.replace(/^\//, "") || "Tracker";
  const bad = state.alive ? state.parts.filter((part) => part.level !== "ok") : [];
  const worst = bad.some((part) => part.level !== "warning") ? "" : "warning";
  find("tracker").textContent = name;
  find("light").className = `light ${connected && state.alive ? (bad.length ? worst : "ok") : ""}`;
  find("connection").textContent = !connected ? `reconnecting${closedFor && `: ${closedFor}`}`
    : state.alive ? "connected" : "connected, no tracker";
  document.body.classList.toggle("read-only", state.read_only);
  find("read-only").hidden = !state.read_only;
  find("stop").disabled = !connected;
  find("hold").hidden = !state.follower || !connected;
  if (find("hold").hidden) setHold(false);
  showReasons(bad);
  showCameras();
  showBanner();
}

function showReasons(bad) {
  find("reasons-box").hidden = bad.length === 0;
  find("reasons").replaceChildren(...bad.map(({ level, part, message }) => {
    const item = document.createElement("li");
    const text = document.createElement("div");
    const title = document.createElement("strong");
    item.className = level;
    title.textContent = part;
    text.append(title, message);
    item.append(text);
    return item;
  }));
}

function showCameras() {
  const choice = find("camera");
  find("camera-choice").hidden = state.cameras.length < 2;
  if ([...choice.options].map((option) => option.value).join() !== state.cameras.join()) {
    choice.replaceChildren(...state.cameras.map((name) => new Option(name, name)));
  }
  if (document.activeElement !== choice) choice.value = state.camera;
}

function showBanner() {
  const text = trouble();
  find("banner").textContent = text;
  find("banner").hidden = !text;
  find("banner").classList.toggle("calm", connected && state.alive && !head);
}

// Why there is no live video with boxes; empty if there is.
function trouble() {
  if (!connected) return `No connection${closedFor && `: ${closedFor}`}. Trying again.`;
  if (!state.alive) return `No tracker: ${state.tracker ?? "it"} sends no diagnostics.`;
  if (!head) return "Waiting for the first image.";
  const silence = performance.now() - arrived;
  if (silence > STALE) return `No image for ${Math.round(silence / 1000)} s.`;
  return head.matched ? "" : "The tracker is silent: video without boxes.";
}

function toast(text, good) {
  const element = find("toast");
  element.textContent = text;
  element.hidden = false;
  element.classList.toggle("bad", !good);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { element.hidden = true; }, good ? TOAST : 2 * TOAST);
}

function setPaused(paused) {
  stage.setPaused(paused);
  find("pause").setAttribute("aria-pressed", paused);
  find("pause").textContent = paused ? "Resume" : "Pause";
}

// The robot drives while this button is held: a message again and again, and silence stops it.
// Each has the panel's newest tick, by which the panel rejects what the network delivers late. Only
// a tick that came after the button was pressed counts, so that the first message asks for one.
let holding = 0;
let tick = null;
let inTime = 0;  // when the last tick came without a message that was too late
let warned = false;

function setHold(pressed) {
  if (pressed === Boolean(holding)) return;
  clearInterval(holding);
  tick = null;
  inTime = performance.now();
  warned = false;
  holding = pressed ? setInterval(sendHold, HOLD) : 0;
  if (pressed) sendHold();
  else connection.send({ type: "hold", pressed });
  find("hold").setAttribute("aria-pressed", pressed);
}

function sendHold() {
  connection.send({ type: "hold", pressed: true, tick });
  if (warned || performance.now() - inTime < LATE) return;
  warned = true;
  toast("The robot stands: the connection is too slow, your hold arrives too late.", false);
}

function readTick(message) {
  if (!holding) return;
  const isFirst = tick === null;
  tick = message.tick;
  if (!message.late) inTime = performance.now();
  if (isFirst) sendHold();
}

find("hold").onpointerdown = () => setHold(true);
for (const type of ["pointerup", "pointercancel", "blur", "visibilitychange"]) {
  addEventListener(type, () => setHold(false));
}
find("hold").oncontextmenu = (event) => event.preventDefault();  // of a long touch
find("stop").onclick = () => {
  setHold(false);
  stop("");
};
find("pause").onclick = () => setPaused(!stage.paused);
find("fit").onclick = () => stage.resetView();
find("camera").onchange = (event) => {
  watched = event.target.value;
  connection.send({ type: "watch", camera: watched });
  event.target.blur();
};
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    stage.abandon();
    select(null);
  } else if (event.key === " " && !(event.target instanceof HTMLButtonElement)) {
    event.preventDefault();
    setPaused(!stage.paused);
  }
});
setInterval(() => {
  find("fit").hidden = stage.zoom === 1;
  if (connected || closedFor) showBanner();
}, 250);

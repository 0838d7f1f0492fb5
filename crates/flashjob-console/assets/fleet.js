// Draws the devices of a namespace as cells: a shape and a colour for each state, a canvas for each part of a type. What stands in the
// page is the data; the table behind it says the same in words. A filter that is typed holds at once.
import { refresh } from "./live.js";

// Pixels of a cell with the space around it, and rows of a canvas: what is out of sight is not drawn.
const CELL = 14;
const ROWS = 12;
// Types with a part of their own; the rest share the last one.
const KINDS = 30;
// Milliseconds after the last key until the table follows the filter.
const PAUSE = 700;

// A path in a square of one by one for each state, filled or as a line: no two have the same outline.
const SHAPES = {
  good: (pen) => { pen.moveTo(0.1, 0.55); pen.lineTo(0.4, 0.85); pen.lineTo(0.9, 0.15); },
  bad: (pen) => { pen.moveTo(0.15, 0.15); pen.lineTo(0.85, 0.85); pen.moveTo(0.85, 0.15); pen.lineTo(0.15, 0.85); },
  busy: (pen) => { pen.arc(0.5, 0.5, 0.42, 0, 7); return true; },
  held: (pen) => { pen.moveTo(0.5, 0); pen.lineTo(1, 0.5); pen.lineTo(0.5, 1); pen.lineTo(0, 0.5); return true; },
  read: (pen) => { pen.arc(0.5, 0.5, 0.42, Math.PI / 2, Math.PI * 1.5); return true; },
  skip: (pen) => { pen.moveTo(0.1, 0.5); pen.lineTo(0.9, 0.5); },
  patient: (pen) => { pen.arc(0.5, 0.5, 0.38, 0, 7); },
  none: (pen) => { pen.rect(0.35, 0.35, 0.3, 0.3); return true; },
};

let fleet = null;
let text = null;
let parts = [];
let pictures = {};
let scale = 1;
// Changes with the colours: what was drawn before is drawn again.
let look = 0;

const part = (name) => document.getElementById(`fleet-${name}`);

// The devices, with what a filter looks at in small letters.
function parse() {
  const now = part("data").textContent;
  if (now === text) {
    return false;
  }
  text = now;
  const data = JSON.parse(now);
  const devices = data.devices.map(([name, uuid, endpoint, kind, version, phase, job, index]) => {
    const device = {
      name, uuid, endpoint, index, kind: data.kinds[kind], version: data.versions[version], phase: data.phases[phase],
      tone: data.tones[phase], job: job === null ? "" : data.jobs[job],
    };
    device.words = [name, uuid, endpoint, device.kind, device.version, device.phase, device.job].join("\n").toLowerCase();
    return device;
  });
  fleet = devices;
  return true;
}

// A picture of each state, in the colours of the style sheet as they are now.
function paint() {
  scale = Math.max(1, Math.ceil(window.devicePixelRatio));
  look += 1;
  const sample = document.createElement("span");
  sample.hidden = true;
  document.body.append(sample);
  const size = (CELL - 4) * scale;
  pictures = {};
  for (const [tone, shape] of Object.entries(SHAPES)) {
    sample.className = `mark ${tone}`;
    const picture = document.createElement("canvas");
    picture.width = picture.height = size;
    const pen = picture.getContext("2d");
    pen.fillStyle = pen.strokeStyle = getComputedStyle(sample).color;
    pen.scale(size, size);
    pen.lineWidth = 0.18;
    pen.beginPath();
    if (shape(pen)) {
      pen.fill();
    } else {
      pen.stroke();
    }
    pictures[tone] = picture;
  }
  sample.remove();
}

const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    target.cells.near = isIntersecting;
    if (isIntersecting) {
      fill(target);
    }
  }
}, { rootMargin: "100px" });

// Draws a canvas, unless it shows that already.
function fill(canvas) {
  const { devices, columns, drawn } = canvas.cells;
  if (drawn) {
    return;
  }
  canvas.cells.drawn = true;
  const rows = Math.ceil(devices.length / columns);
  // A new size takes off what was drawn.
  canvas.width = columns * CELL * scale;
  canvas.height = rows * CELL * scale;
  const pen = canvas.getContext("2d");
  const step = CELL * scale;
  const edge = 2 * scale;
  for (let at = 0; at < devices.length; at += 1) {
    pen.drawImage(pictures[devices[at].tone], (at % columns) * step + edge, Math.floor(at / columns) * step + edge);
  }
}

// How many devices stand where, most of them first, for those who do not see the cells.
function summary(devices) {
  const counts = new Map();
  for (const { phase } of devices) {
    counts.set(phase, (counts.get(phase) ?? 0) + 1);
  }
  const words = [...counts].sort((a, b) => b[1] - a[1]).map(([phase, count]) => `${count} ${phase}`);
  return words.join(", ");
}

// Whether a canvas shows these devices already. Each time that the data is read anew, the devices are other ones.
function isSame(cells, devices, columns) {
  return cells.look === look && cells.columns === columns && cells.devices.length === devices.length
    && cells.devices.every((device, at) => device === devices[at]);
}

function makePart() {
  const title = document.createElement("h3");
  const box = document.createElement("div");
  part("cells").append(title, box);
  return { title, box, canvases: [] };
}

// Puts the devices of a type on canvases.
function lay(shown, name, devices, columns) {
  shown.title.textContent = `${name || "No type"}: ${devices.length}`;
  const size = columns * ROWS;
  const count = Math.ceil(devices.length / size);
  while (shown.canvases.length > count) {
    const gone = shown.canvases.pop();
    seen.unobserve(gone);
    gone.remove();
  }
  for (let at = 0; at < count; at += 1) {
    let canvas = shown.canvases[at];
    if (!canvas) {
      canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.cells = { near: false };
      shown.canvases.push(canvas);
      shown.box.append(canvas);
      seen.observe(canvas);
    }
    const some = devices.slice(at * size, (at + 1) * size);
    if (isSame(canvas.cells, some, columns)) {
      continue;
    }
    Object.assign(canvas.cells, { devices: some, columns, drawn: false, look });
    canvas.style.width = `${columns * CELL}px`;
    canvas.style.height = `${Math.ceil(some.length / columns) * CELL}px`;
    canvas.setAttribute("aria-label", `${name || "No type"}: ${summary(some)}`);
    if (canvas.cells.near) {
      fill(canvas);
    }
  }
}

// The devices that have every word of the filter, by type, the largest type first.
function kinds(filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const found = new Map();
  let count = 0;
  for (const device of fleet) {
    if (words.every((word) => device.words.includes(word))) {
      count += 1;
      const devices = found.get(device.kind);
      if (devices) {
        devices.push(device);
      } else {
        found.set(device.kind, [device]);
      }
    }
  }
  const sorted = [...found].sort((a, b) => b[1].length - a[1].length);
  const rest = sorted.splice(KINDS);
  if (rest.length) {
    sorted.push(["Other types", rest.flatMap(([, devices]) => devices)]);
  }
  return { sorted, count };
}

function show() {
  const { sorted, count } = kinds(document.getElementById("q").value);
  const columns = Math.max(1, Math.floor(part("cells").clientWidth / CELL));
  while (parts.length > sorted.length) {
    const { title, box, canvases } = parts.pop();
    canvases.forEach((canvas) => seen.unobserve(canvas));
    title.remove();
    box.remove();
  }
  sorted.forEach(([name, devices], at) => {
    parts[at] ??= makePart();
    lay(parts[at], name, devices, columns);
  });
  part("cells").dataset.devices = count;
  if (!performance.getEntriesByName("cells").length) {
    performance.mark("cells");
  }
  const words = `${count} of ${fleet.length} devices`;
  if (part("count").textContent !== words) {
    part("count").textContent = words;
  }
  const rollout = part("rollout");
  if (rollout) {
    rollout.value = document.getElementById("q").value;
  }
}

// The device whose cell is at this place of a canvas.
function at(event) {
  const { devices, columns } = event.target.cells ?? {};
  if (!devices) {
    return null;
  }
  const column = Math.floor(event.offsetX / CELL);
  return column < columns ? devices[Math.floor(event.offsetY / CELL) * columns + column] : null;
}

function follow(filter) {
  const address = new URL(location.href);
  address.searchParams.set("q", filter);
  address.searchParams.delete("from");
  history.replaceState(null, "", address);
  refresh().catch(() => {});
}

export function draw() {
  let frame = 0;
  let due = 0;
  const soon = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(show);
  };
  const anew = () => {
    paint();
    soon();
  };
  parse();
  anew();
  document.addEventListener("refreshed", () => {
    parse();
    soon();
  });
  document.getElementById("q").addEventListener("input", (event) => {
    soon();
    clearTimeout(due);
    due = setTimeout(() => follow(event.target.value), PAUSE);
  });
  let width = part("cells").clientWidth;
  new ResizeObserver(() => {
    if (width !== part("cells").clientWidth) {
      width = part("cells").clientWidth;
      anew();
    }
  }).observe(part("cells"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", anew);
  part("cells").addEventListener("pointermove", (event) => {
    const device = at(event);
    if (device) {
      const { name, uuid, endpoint, kind, version, phase, job } = device;
      const words = [name || uuid, kind, endpoint, version && `version ${version}`, phase, job && `job ${job}`];
      part("cell").textContent = words.filter(Boolean).join(", ");
    }
  });
  part("cells").addEventListener("click", (event) => {
    const device = at(event);
    if (device?.job) {
      const { namespace } = part("data").dataset;
      location.assign(`/namespaces/${namespace}/flashjobs/${encodeURIComponent(device.job)}/devices/${device.index}`);
    }
  });
}

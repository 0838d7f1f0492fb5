// The page of a new rollout: it plans what the fields say, then creates the very job that was planned. Whatever others wrote becomes text.
import { refusal } from "./order.js";

const part = (id) => document.getElementById(id);
// Rows of a list that are written out.
const MOST = 20;
const ANSWERS = {
  WouldRun: ["good", "It would run."],
  CannotTell: ["held", "Nothing that you may see stops it. What you may not see may."],
  Refused: ["bad", "Not all of it would run."],
};
// The job of the plan that is shown.
let planned;
// Grows with each change: a plan of earlier fields comes too late.
let turn = 0;

function complain(id, words) {
  part(id).textContent = words;
  part(id).hidden = !words;
}

function ticked() {
  return [...document.querySelectorAll(".tick:checked")].map((box) => box.value);
}

function count() {
  const said = part("ticked");
  if (said) {
    said.textContent = `${ticked().length} ticked`;
  }
}

// What a plan was of is not what the fields say any more.
function forget() {
  turn += 1;
  planned = undefined;
  part("planned").hidden = true;
}

const many = (number, what) => (number === 1 ? `1 ${what}` : `${number} ${what}s`);

// A number of devices, or a share of them.
const amount = (text) => (/^\d+$/.test(text) ? Number(text) : text);

function step(field) {
  const value = (name) => field.querySelector(`.step-${name}`);
  const said = { devices: amount(value("devices").value.trim()) };
  const name = value("name").value.trim();
  if (name) {
    said.name = name;
  }
  if (Number(value("soak").value) > 0) {
    said.soakSeconds = Number(value("soak").value);
  }
  if (value("failures").value !== "") {
    said.maxFailedDevices = Number(value("failures").value);
  }
  if (value("approval").checked) {
    said.requireApproval = true;
  }
  if (value("repeat").checked) {
    said.repeat = true;
  }
  return said;
}

// The job that the fields say.
function job(form) {
  const spec = {
    firmware: part("firmware").value.trim(),
    version: part("version").value.trim(),
    mismatchPolicy: "Fail",
    parallelism: Number(part("parallelism").value),
  };
  const meant = form.elements.meant.value;
  if (meant === "selector") {
    spec.deviceSelector = JSON.parse(form.dataset.selector);
  } else {
    spec.uuid = meant === "picked" ? ticked() : part("uuids").value.split(/\s+/).filter(Boolean);
  }
  const { device, application } = form.dataset;
  if (device.trim()) {
    spec.device = device.trim();
  }
  if (application.trim()) {
    spec.applicationType = application.trim();
  }
  const flashClass = part("class").value.trim();
  if (flashClass) {
    spec.flashClassName = flashClass;
  }
  const steps = [...document.querySelectorAll("fieldset.step")].map(step).filter(({ devices }) => devices !== "");
  if (steps.length > 0) {
    spec.steps = steps;
  }
  return { apiVersion: "application.flashjob.nbfc.io/v1alpha1", kind: "FlashJob", metadata: { name: part("name").value.trim() }, spec };
}

function element(kind, text, tone) {
  const made = document.createElement(kind);
  made.textContent = text;
  made.className = tone ? `mark ${tone}` : "";
  return made;
}

// A list with a title; nothing where there is nothing to say.
function list(id, title, lines) {
  const place = part(id);
  place.replaceChildren();
  if (lines.length === 0) {
    return;
  }
  const items = document.createElement("ul");
  items.append(...lines.slice(0, MOST).map((line) => element("li", line)));
  if (lines.length > MOST) {
    items.append(element("li", `and ${lines.length - MOST} more`));
  }
  place.append(element("h3", title), items);
}

function stepLine({ number, name, devices, total, maxFailedDevices, soakSeconds, requireApproval, foreseen }) {
  const said = [`${many(devices, "device")}, ${total} in all`];
  if (maxFailedDevices !== undefined) {
    said.push(`${maxFailedDevices} may fail`);
  }
  if (foreseen) {
    said.push(`${foreseen} refused beforehand`);
  }
  if (soakSeconds) {
    said.push(`then ${soakSeconds} s of watching`);
  }
  if (requireApproval) {
    said.push("then an approval");
  }
  return `Step ${number}${name ? ` (${name})` : ""}: ${said.join(", ")}`;
}

function imageLines(image) {
  if (!image) {
    return [];
  }
  const { digest, pinned, platforms, signer, unverified, refusal: why, unknown } = image;
  return [
    why && `Flashes would fail: ${why.reason}: ${why.message}`,
    unknown && `Which image it is, is not known here: ${unknown}`,
    digest && `It is ${digest} now, for ${platforms?.join(", ") ?? "every kind of device"}`,
    pinned && `To flash this very image, write ${pinned}`,
    signer && `Signed by ${signer}`,
    unverified && `A class warns of it: ${unverified.message}`,
  ].filter(Boolean);
}

function show(plan) {
  const [tone, words] = ANSWERS[plan.answer];
  part("plan-answer").replaceChildren(element("span", words, tone));
  part("plan-brief").replaceChildren(...plan.brief.map((line) => element("li", line)));
  list("plan-steps", `${many(plan.devices.length, "device")}, in ${many(plan.steps.length, "step")}`, plan.steps.map(stepLine));
  list("plan-image", "The firmware", imageLines(plan.image));
  const others = plan.devices.filter(({ fate }) => fate !== "Flashed");
  list("plan-devices", "Devices that are not simply flashed", others.map(({ uuid, endpoint, fate, reason, message }) =>
    [endpoint ?? uuid, fate, reason, message].filter(Boolean).join(": ")));
  list("plan-unseen", "Not seen, and so not told", (plan.notSeen ?? []).map(({ message }) => message));
  const typed = part("typed");
  if (typed) {
    typed.value = "";
    part("to-type").textContent = plan.devices.length;
    complain("create-problem", "");
  }
  part("planned").hidden = false;
  part("plan-title").focus();
}

// Sends a job; its answer, or nothing where it was refused, which is said then.
async function send(path, body, problem, button) {
  complain(problem, "");
  button.disabled = true;
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-FlashJob-Console": "1" },
      body: JSON.stringify(body),
    });
    const said = await answer.json();
    if (answer.ok) {
      return said;
    }
    complain(problem, refusal(said));
  } catch {
    complain(problem, "The console does not answer. Look at the list of jobs whether the FlashJob is there, then try again.");
  } finally {
    button.disabled = false;
  }
  return undefined;
}

// The step that was there repeats to the end: others come before it.
function steps(form) {
  const all = () => [...document.querySelectorAll("fieldset.step")];
  const number = () => {
    all().forEach((field, place) => {
      field.querySelector(".number").textContent = place + 1;
    });
    part("step-less").hidden = all().length < 2;
    part("step-more").hidden = all().length > 19;
    forget();
  };
  part("step-more").addEventListener("click", () => {
    const field = all()[0].cloneNode(true);
    field.querySelector(".step-name").value = all().length === 1 ? "canary" : "";
    field.querySelector(".step-devices").value = "1";
    field.querySelector(".step-repeat").checked = false;
    part("steps").prepend(field);
    number();
    field.querySelector(".step-name").focus();
  });
  part("step-less").addEventListener("click", () => {
    all()[0].remove();
    number();
    form.querySelector(".step-name").focus();
  });
}

export function begin(form) {
  const namespace = form.dataset.namespace;
  form.addEventListener("input", (event) => {
    const all = part("tick-all");
    if (event.target === all) {
      document.querySelectorAll(".tick").forEach((box) => {
        box.checked = all.checked;
      });
    }
    if (event.target === all || event.target.classList.contains("tick")) {
      form.elements.meant.value = "picked";
    } else if (event.target.id === "uuids") {
      form.elements.meant.value = "named";
    }
    count();
    forget();
  });
  steps(form);
  count();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    forget();
    const wanted = job(form);
    const mine = turn;
    if (wanted.spec.uuid?.length === 0) {
      complain("rollout-problem", "No device is picked: tick devices, name some by their UUIDs, or filter them by type.");
      return;
    }
    const plan = await send(`/api/v1/namespaces/${namespace}/plan`, wanted, "rollout-problem", part("plan"));
    if (plan && mine === turn) {
      planned = { job: wanted, devices: plan.devices.length };
      show(plan);
    }
  });
  part("create")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!planned) {
      return;
    }
    if (part("typed").value.trim() !== String(planned.devices)) {
      complain("create-problem", `Type ${planned.devices} to go on.`);
      return;
    }
    const path = `/api/v1/namespaces/${namespace}/flashjobs`;
    const created = await send(path, planned.job, "create-problem", part("create-yes"));
    if (created) {
      location.assign(`/namespaces/${namespace}/flashjobs/${encodeURIComponent(created.metadata.name)}`);
    }
  });
}

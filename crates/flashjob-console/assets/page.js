// A page of the console with scripts: it says times as spans, changes as the job does, and has buttons. Without scripts it can be read.
import { set, tick } from "./clock.js";
import { draw } from "./fleet.js";
import { follow, refresh } from "./live.js";
import { read } from "./log.js";
import { listen } from "./order.js";
import { begin } from "./rollout.js";

document.documentElement.classList.add("scripts");
set(document.querySelector("[data-now]")?.dataset.now);
tick();
setInterval(tick, 1000);
const region = document.querySelector("[data-events]");
if (region) {
  follow(region);
} else {
  document.addEventListener("ordered", () => refresh().catch(() => {}));
}
read();
if (document.getElementById("fleet-data")) {
  draw();
}
const dialog = document.getElementById("order");
if (dialog) {
  listen(dialog);
}
const rollout = document.getElementById("rollout");
if (rollout) {
  begin(rollout);
}

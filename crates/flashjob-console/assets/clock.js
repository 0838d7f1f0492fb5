// Says times as spans that run on: "in 4 min 10 s", "12 s ago". The time itself stays in the title, and in the attribute.
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

// How much the clock of the console is ahead of this one, in milliseconds.
let ahead = 0;

// Seconds in the two largest units that they have, as the console itself writes them.
function span(seconds) {
  let rest = Math.max(0, Math.round(seconds));
  const parts = [];
  for (const [unit, size] of UNITS) {
    if (rest >= size && parts.length < 2) {
      parts.push(`${Math.floor(rest / size)} ${unit}`);
      rest %= size;
    }
  }
  return parts.length ? parts.join(" ") : "0 s";
}

// Goes by the clock of the console, which rendered this part of the page at that moment.
export function set(now) {
  const at = Date.parse(now);
  if (!Number.isNaN(at)) {
    ahead = at - Date.now();
  }
}

// Brings every time on the page up to this second.
export function tick() {
  const now = Date.now() + ahead;
  for (const time of document.querySelectorAll("time[data-clock]")) {
    const at = Date.parse(time.dateTime);
    if (Number.isNaN(at)) {
      continue;
    }
    const words = time.dataset.clock === "until"
      ? (at > now ? `in ${span((at - now) / 1000)}` : "now")
      : `${span((now - at) / 1000)} ago`;
    if (time.textContent !== words) {
      time.textContent = words;
      time.title = time.dateTime;
    }
  }
}

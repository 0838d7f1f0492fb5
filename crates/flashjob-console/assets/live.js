// Follows the job by server-sent events. After each change the console is asked for this page again, and what differs is taken over: all
// that is shown is rendered and escaped by the console, and no text becomes markup here.
import { set, tick } from "./clock.js";
import { read } from "./log.js";

// Milliseconds between two pages that are asked for, where a page does not ask for more.
const PAUSE = 1000;

// Whether two nodes are the same thing at different times.
function isSame(old, now) {
  return old.nodeType === now.nodeType && old.nodeName === now.nodeName && (old.id ?? "") === (now.id ?? "");
}

function takeAttributes(old, now) {
  for (const { name } of [...old.attributes]) {
    // Somebody opened it.
    if (!now.hasAttribute(name) && !(old.nodeName === "DETAILS" && name === "open")) {
      old.removeAttribute(name);
    }
  }
  for (const { name, value } of now.attributes) {
    if (old.getAttribute(name) !== value) {
      old.setAttribute(name, value);
    }
  }
}

// Makes what is inside `old` what is inside `now`, and leaves alone what is the same: the focus stays where it is.
function takeChildren(old, now) {
  let at = old.firstChild;
  const skip = () => {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  };
  for (const wanted of [...now.childNodes]) {
    if (wanted.id) {
      // What has an id is found again behind what is gone; without one, only the place says which is which.
      const found = [...old.children].find((child) => isSame(child, wanted));
      while (found && at && at !== found) {
        skip();
      }
    }
    if (!at || !isSame(at, wanted)) {
      old.insertBefore(document.adoptNode(wanted), at);
      continue;
    }
    if (at.nodeType === Node.ELEMENT_NODE) {
      takeAttributes(at, wanted);
      // A log that is followed has its own text.
      if (!("log" in wanted.dataset)) {
        takeChildren(at, wanted);
      }
    } else if (at.data !== wanted.data) {
      at.data = wanted.data;
    }
    at = at.nextSibling;
  }
  while (at) {
    skip();
  }
}

// What a page says that is not the one that was asked for.
function words(page) {
  const parts = page.querySelectorAll("main h1, main p");
  return [...parts].map((part) => part.textContent.trim()).join(": ");
}

// Takes over the page as the console renders it now. Returns why it could not, if so.
export async function refresh() {
  const answer = await fetch(location.href, { headers: { "Accept": "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!answer.ok) {
    return words(page);
  }
  const focused = document.activeElement;
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = page.getElementById(part.id);
    if (now) {
      takeAttributes(part, now);
      takeChildren(part, now);
      if (part.dataset.now) {
        set(part.dataset.now);
      }
    }
  }
  tick();
  read();
  document.dispatchEvent(new Event("refreshed"));
  // A button that is gone takes the focus with it: it goes to what was said last, and not to the top of the page.
  if (focused && !focused.isConnected) {
    document.getElementById("said")?.focus();
  }
  return null;
}

export function follow(region) {
  const shown = document.getElementById("stream");
  const say = (state, text) => {
    const mark = document.createElement("span");
    mark.className = `mark ${state}`;
    mark.textContent = text;
    if (shown.textContent !== text) {
      shown.replaceChildren(mark);
    }
  };
  const pause = Number(region.dataset.pause ?? PAUSE);
  say("patient", "Connecting");
  const source = new EventSource(region.dataset.events);
  let due = false;
  let busy = false;
  const changed = async () => {
    due = true;
    if (busy) {
      return;
    }
    busy = true;
    while (due) {
      due = false;
      try {
        const problem = await refresh();
        if (problem) {
          say("bad", `Not live: ${problem}`);
        } else if (source.readyState === EventSource.OPEN) {
          say("good", "Live");
        }
      } catch {
        say("bad", "Not live: the console does not answer");
      }
      await new Promise((done) => setTimeout(done, pause));
    }
    busy = false;
  };
  // The first snapshot is what the page shows already, or what came between the two.
  for (const name of ["snapshot", "added", "modified", "deleted"]) {
    source.addEventListener(name, changed);
  }
  source.addEventListener("problem", (event) => {
    source.close();
    say("bad", `Not live: ${JSON.parse(event.data).detail}`);
  });
  source.addEventListener("error", () => {
    const ended = source.readyState === EventSource.CLOSED;
    say("bad", ended ? "Not live: the console refused the stream of changes; load the page again" : "Not live: the connection broke off; trying again");
  });
}

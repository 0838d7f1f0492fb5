// Follows the log of a flash, as long as the page has a place for it.
let source = null;

// Begins to follow where the console says that a log is written, and ends where it does not any more.
export function read() {
  const shown = document.querySelector("[data-log]");
  if (!shown || source) {
    if (!shown) {
      source?.close();
      source = null;
    }
    return;
  }
  source = new EventSource(shown.dataset.log);
  const own = source;
  // Each time that it is opened it begins with the last lines.
  own.addEventListener("open", () => shown.replaceChildren());
  own.addEventListener("log", (event) => {
    // Somebody who reads further up is left there.
    const follows = shown.scrollHeight - shown.scrollTop - shown.clientHeight < 40;
    shown.append(JSON.parse(event.data));
    if (follows) {
      shown.scrollTop = shown.scrollHeight;
    }
  });
  own.addEventListener("end", () => {
    own.close();
    // Where more is written after all, the next page that has a place for it begins again.
    source = null;
  });
  own.addEventListener("error", () => {
    if (own.readyState === EventSource.CLOSED && !shown.textContent) {
      shown.textContent = "The log cannot be read: it takes the right to get pods/log.";
    }
  });
}

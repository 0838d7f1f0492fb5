// Exchanges the token in the fragment of the printed address for a session, once. No server ever sees a fragment.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
// Before anything else: neither the address bar nor the history keeps it.
history.replaceState(null, "", location.pathname);
if (token) {
  const said = document.getElementById("said");
  try {
    const answer = await fetch("/session", {
      method: "POST",
      headers: { "Authorization": `Bearer ${token}`, "X-FlashJob-Console": "1" },
    });
    if (answer.ok) {
      location.replace("/");
    } else {
      said.textContent = (await answer.json()).detail;
    }
  } catch {
    said.textContent = "The console does not answer: it may have been stopped.";
  }
}

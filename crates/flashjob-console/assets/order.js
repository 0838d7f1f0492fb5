// The buttons of a job or a class. Each asks first and says what will happen; the answer is said in words, the API server's where it refuses. Which
// buttons there are the console decides, by the rights of whoever looks.
const part = (name) => document.getElementById(`order-${name}`);

// Why a request was refused, from a problem of RFC 9457.
export function refusal(problem) {
  const causes = (problem.causes ?? []).map((cause) => [cause.field, cause.message].filter(Boolean).join(": "));
  return [problem.detail ?? problem.title, ...causes].join("; ");
}

function show(name, visible) {
  part(`with-${name}`).hidden = !visible;
}

function complain(words) {
  part("problem").textContent = words;
  part("problem").hidden = !words;
}

// Opens the question that belongs to a button.
function ask(dialog, button) {
  const { actions, order, question, words, reason, typed, body } = button.dataset;
  const overrules = "overrules" in button.dataset;
  Object.assign(dialog.dataset, { order, body, typed: typed ?? "" });
  if (actions) {
    dialog.dataset.actions = actions;
  }
  part("question").textContent = question;
  part("words").textContent = words;
  part("yes").textContent = button.textContent;
  part("yes").disabled = false;
  part("form").reset();
  show("reason", reason !== "none");
  part("reason").required = reason === "required";
  show("typed", typed !== undefined);
  part("typed").required = typed !== undefined;
  show("force", overrules);
  complain("");
  dialog.showModal();
}

// What is sent: what the button says, and what the person added.
function orderOf(dialog) {
  const order = JSON.parse(dialog.dataset.body);
  const reason = part("reason").value.trim();
  if (reason) {
    order.reason = reason;
  }
  if (part("force").checked) {
    order.force = true;
  }
  return order;
}

async function send(dialog) {
  const answer = await fetch(dialog.dataset.actions + dialog.dataset.order, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-FlashJob-Console": "1" },
    body: JSON.stringify(orderOf(dialog)),
  });
  const said = await answer.json();
  if (!answer.ok) {
    complain(refusal(said));
    return;
  }
  document.getElementById("said").textContent = `Done: ${said.message}`;
  dialog.close();
  document.dispatchEvent(new Event("ordered"));
}

export function listen(dialog) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-order]");
    if (button) {
      ask(dialog, button);
    }
  });
  part("no").addEventListener("click", () => dialog.close());
  part("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { typed } = dialog.dataset;
    if (typed && part("typed").value.trim() !== typed) {
      complain(`Type ${typed} to go on.`);
      return;
    }
    part("yes").disabled = true;
    try {
      await send(dialog);
    } catch {
      complain("The console does not answer: nobody knows whether the order was carried out. Look at it, then try again.");
    }
    part("yes").disabled = false;
  });
}

// Copying what a field shows: [data-copy] names the field's id.
// What htmx asked for and did not get, [hx-select] in an answer: the page stays as it is, and says so.
// A form whose answer is a download, [data-gives-download], leaves its page as it is: what that said before is cleared.

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
  } catch {
    // Without permission or HTTPS the text is selected all the same.
    button.textContent = "Selected: press Ctrl C";
  }
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-gives-download]")) return;
  for (const error of form.querySelectorAll(".errorlist")) error.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  form.querySelector("[role=status]").textContent =
    "The download begins. Reload this page to see what the link still gives.";
  // After the form was sent: the password does not stay on the screen of a shared machine.
  setTimeout(() => form.reset());
});

function notRefreshed() {
  const note = document.createElement("p");
  note.className = "note warning";
  note.textContent = "The page could not be refreshed. Reload it, and sign in again if it asks you to.";
  document.getElementById("messages").replaceChildren(note);
}

document.addEventListener("htmx:before:swap", (event) => {
  const { sourceElement, text } = event.detail.ctx;
  const wanted = sourceElement.getAttribute("hx-select")?.slice(1);
  if (wanted && !text.includes(`id="${wanted}"`)) {
    event.preventDefault();
    notRefreshed();
  }
});
document.addEventListener("htmx:error", notRefreshed);

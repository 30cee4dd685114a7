// Brings the list of what waits to be confirmed up to date whenever upload.js says that a document arrived.

const status = document.getElementById("upload-status");

// One refresh at a time, and one more when something ended meanwhile. Titles being typed are carried over.
let refreshing = false;
let stale = false;
async function refreshStaged() {
  stale = true;
  if (refreshing) return;
  refreshing = true;
  try {
    while (stale) {
      stale = false;
      const response = await fetch(location.pathname, { headers: { Accept: "text/html" } });
      if (!response.ok) break;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      replaceStaged(page.getElementById("staged"));
    }
  } catch {
    status.textContent = "The list below could not be refreshed. Reload the page to see it.";
  } finally {
    refreshing = false;
  }
}

function replaceStaged(fresh) {
  const old = document.getElementById("staged");
  if (!fresh) return;
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(fresh);
  for (const typed of old.querySelectorAll("input[name^=title-]")) {
    const field = fresh.querySelector(`input[name="${typed.name}"]`);
    if (field) field.value = typed.value;
  }
  if (focused?.name) {
    const value = focused.value ? `[value="${CSS.escape(focused.value)}"]` : "";
    const again = fresh.querySelector(focused.matches("button") ? `button[name="${focused.name}"]${value}` : `[name="${focused.name}"]`);
    again?.focus();
    if (again?.matches("input")) again.setSelectionRange(focused.selectionStart, focused.selectionEnd);
  }
}

document.addEventListener("upload-staged", refreshStaged);

// Enter in a title confirms that document, and no other.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches?.("#staged input[name^=title-]")) return;
  event.preventDefault();
  event.target.closest("li").querySelector("button[name=confirm]").click();
});

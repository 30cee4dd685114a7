// Copying what a field shows: [data-copy] names the field's id.

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

// A path is completed from the folders of the server, as one types it.

const PAUSE = 120; // ms

for (const field of document.querySelectorAll("[data-folders]")) {
  let waits = 0;
  field.addEventListener("input", () => {
    clearTimeout(waits);
    waits = setTimeout(() => complete(field), PAUSE);
  });
  field.addEventListener("focus", () => complete(field), { once: true });
}

async function complete(field) {
  const asked = field.value.trim();
  const url = `${field.dataset.folders}?${new URLSearchParams({ path: asked })}`;
  const answer = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok || answer.redirected || field.value.trim() !== asked) return;
  const options = (await answer.json()).map((path) => Object.assign(document.createElement("option"), { value: path }));
  field.list.replaceChildren(...options);
}

// The pictures of an album or artist: what is too large is not sent, and a picture may be pasted.
for (const form of document.querySelectorAll("form.upload")) {
  form.addEventListener("submit", (event) => {
    const file = form.elements.picture.files[0];
    const most = Number(form.dataset.most);
    const says = form.querySelector("[role=alert]");
    says.hidden = !file || file.size <= most;
    if (says.hidden) return;
    event.preventDefault();
    const [size, limit] = [file.size, most].map((each) => each.toLocaleString("en"));
    says.textContent = `${file.name} has ${size} bytes: up to ${limit} are taken.`;
  });
}

document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
  const form = document.querySelector("form.upload");
  if (!file || !form) return;
  const given = new DataTransfer();
  given.items.add(file);
  form.elements.picture.files = given.files;
  form.requestSubmit();
});

if (document.querySelector("[data-again]")) setTimeout(() => location.reload(), 2000);

// Follows the logs: what is added comes as server-sent events, and stands first.

const MOST = 500;
const list = document.getElementById("entries");
const state = document.querySelector("#following [data-state]");
const template = document.getElementById("entry");

const url = new URL(list.dataset.url, location.href);
if (list.dataset.after) url.searchParams.set("after", list.dataset.after);
const source = new EventSource(url);
source.addEventListener("open", () => say("New entries appear by themselves."));
source.addEventListener("error", () => {
  if (source.readyState === EventSource.CLOSED) say("Reload the page for new entries: too many pages follow already.");
  else url.searchParams.delete("after");
});
source.addEventListener("message", (event) => {
  const { entries, fault } = JSON.parse(event.data);
  if (fault) say(fault);
  for (const entry of entries) add(entry);
});
addEventListener("pagehide", () => source.close());

function say(text) {
  state.textContent = text;
}

function add(entry) {
  list.querySelector(".none")?.remove();
  const item = template.content.cloneNode(true);
  const [time, level, process, said] = item.firstElementChild.children;
  if (entry.at) time.dateTime = entry.at;
  time.textContent = entry.clock;
  level.textContent = entry.level ?? "stderr";
  if (entry.mark) level.classList.add(entry.mark);
  process.textContent = entry.process;
  process.href = page({ program: entry.process });
  const [text, job, more] = said.children;
  text.textContent = entry.text;
  if (entry.job) {
    const attempt = entry.attempt && entry.attempt !== "1" ? `, attempt ${entry.attempt}` : "";
    job.textContent = (entry.task || entry.job) + attempt + (entry.entity ? ` · ${entry.entity}` : "");
    job.href = page({ job: entry.job });
  } else job.remove();
  if (entry.below.length) {
    more.firstElementChild.textContent = `${entry.below.length} more line${entry.below.length === 1 ? "" : "s"}`;
    more.lastElementChild.textContent = entry.below.join("\n");
  } else more.remove();
  list.prepend(item);
  while (list.children.length > MOST) list.lastElementChild.remove();
}

function page(query) {
  return `${location.pathname}?${new URLSearchParams(query)}`;
}

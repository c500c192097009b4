// The progress of scans as it goes on, from server-sent events.

const section = document.getElementById("progress");
const done = document.getElementById("progress-done");
let wasBusy = !section.hidden;

const source = new EventSource(section.dataset.url);
source.addEventListener("message", (event) => show(JSON.parse(event.data)));
addEventListener("pagehide", () => source.close());

function show(progress) {
  if (progress.fault) return; // Redis or the database is away; the next look may find it
  const isBusy = progress.scans.length > 0 || !progress.finished;
  section.hidden = !isBusy;
  if (isBusy) {
    done.hidden = true;
    const roots = progress.scans.map((scan) => scan.root).join(", ");
    document.getElementById("progress-title").textContent = roots || "Covers";
    progress.stages.forEach(showStage);
  }
  if (isBusy !== wasBusy) refreshHistory();
  if (wasBusy && !isBusy) done.hidden = false;
  wasBusy = isBusy;
}

function showStage(stage) {
  const row = section.querySelector(`[data-stage="${CSS.escape(stage.name)}"]`);
  if (!row) return;
  const bar = row.querySelector("progress");
  if (stage.total === null) bar.removeAttribute("value");
  else {
    bar.max = stage.total || 1;
    bar.value = stage.done;
  }
  const [count, total] = [stage.done, stage.total].map((each) => each?.toLocaleString("en"));
  row.querySelector(".count").textContent = total === undefined ? count : `${count} / ${total}`;
}

async function refreshHistory() {
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.getElementById("history").replaceWith(page.getElementById("history"));
}

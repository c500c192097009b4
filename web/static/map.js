// The map of the library: a point a track, that names itself when it is pointed at, or moved to.

const SVG = "http://www.w3.org/2000/svg";
const NEAR = 24; // pixels from which a point is still meant
const place = document.getElementById("map");
if (place) draw(place);

async function draw(place) {
  const answer = await fetch(place.dataset.url).catch(() => null);
  if (!answer?.ok || answer.redirected) return; // the list of clusters is there
  const map = await answer.json();
  const svg = place.querySelector("svg");
  const tip = document.getElementById("map-tip");
  const points = map.id.map((id, at) => ({
    id,
    x: map.x[at],
    y: map.edge - map.y[at],
    title: map.title[at],
    artists: map.artists[map.artist[at]],
    cluster: map.clusters[map.cluster[at]],
  }));
  if (!points.length) return;
  for (const point of points) svg.append((point.mark = markOf(point)));
  if (map.tracks > points.length) {
    const shown = `${points.length.toLocaleString("en")} of ${map.tracks.toLocaleString("en")} tracks`;
    document.getElementById("map-sample").textContent = ` Shown are ${shown}.`;
  }
  let chosen = null;

  function choose(point) {
    if (point === chosen) return;
    chosen?.mark.classList.remove("chosen");
    chosen = point;
    tip.hidden = !point;
    svg.classList.toggle("pointed", Boolean(point));
    if (!point) return;
    point.mark.classList.add("chosen");
    svg.append(point.mark); // above the others
    const link = document.createElement("a");
    link.href = place.dataset.track + point.id;
    link.textContent = point.title;
    const by = document.createElement("span");
    by.className = "by";
    by.textContent = [point.artists, point.cluster?.name].filter(Boolean).join(" · ");
    tip.replaceChildren(link, by);
    const box = svg.getBoundingClientRect();
    const [left, top] = onScreen(point, box, svg.viewBox.baseVal);
    tip.classList.toggle("leftwards", left > box.width / 2);
    tip.classList.toggle("upwards", top > box.height / 2);
    tip.style.left = `${left}px`; // by script, which the policy allows
    tip.style.top = `${top}px`;
  }

  function nearest(event) {
    const box = svg.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    let best = null;
    let least = NEAR;
    for (const point of points) {
      if (point.mark.classList.contains("faint")) continue;
      const at = onScreen(point, box, svg.viewBox.baseVal);
      const apart = Math.hypot(at[0] - left, at[1] - top);
      if (apart < least) [best, least] = [point, apart];
    }
    return best;
  }

  svg.addEventListener("pointermove", (event) => {
    const point = event.pointerType === "touch" ? null : nearest(event);
    svg.classList.toggle("meant", Boolean(point));
    if (point) choose(point);
  });
  svg.addEventListener("click", (event) => {
    const point = nearest(event);
    if (point && point === chosen && event.pointerType !== "touch") open(point);
    else choose(point);
  });
  svg.addEventListener("focus", () => {
    if (!chosen && svg.matches(":focus-visible")) choose(towards(points, centre(map.edge), null));
  });
  svg.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      event.preventDefault();
      choose(towards(points, chosen ?? centre(map.edge), chosen && way) ?? chosen);
    } else if (event.key === "Enter" && chosen) open(chosen);
    else if (event.key === "Escape") choose(null);
  });

  const open = (point) => location.assign(place.dataset.track + point.id);

  // A cluster of the list that is pointed at stands out on the map.
  for (const entry of document.querySelectorAll("#legend [data-cluster]")) {
    const only = (id) => {
      for (const point of points) point.mark.classList.toggle("faint", id !== null && (point.cluster?.id ?? 0) !== id); // 0: in none
    };
    const show = () => only(Number(entry.dataset.cluster));
    entry.addEventListener("pointerenter", show);
    entry.addEventListener("focusin", show);
    entry.addEventListener("pointerleave", () => only(null));
    entry.addEventListener("focusout", () => only(null));
  }
}

// A line of no length with round ends is a dot that stays round however the map is stretched.
function markOf(point) {
  const mark = document.createElementNS(SVG, "path");
  mark.setAttribute("d", `M${point.x} ${point.y}h0`);
  mark.setAttribute("class", point.cluster ? `hue-${point.cluster.hue}` : "alone");
  return mark;
}

function onScreen(point, box, view) {
  return [((point.x - view.x) / view.width) * box.width, ((point.y - view.y) / view.height) * box.height];
}

const centre = (edge) => ({ x: edge / 2, y: edge / 2 });

// The nearest point in a direction, those straight ahead before those aside; without one of all.
function towards(points, from, way) {
  let best = null;
  let least = Infinity;
  for (const point of points) {
    if (point === from) continue;
    const [dx, dy] = [point.x - from.x, point.y - from.y];
    let cost = Math.hypot(dx, dy);
    if (way) {
      const ahead = dx * way[0] + dy * way[1];
      const aside = Math.abs(dx * way[1] + dy * way[0]);
      if (ahead <= 0 || aside > 2 * ahead) continue;
      cost = ahead + 2 * aside;
    }
    if (cost < least) [best, least] = [point, cost];
  }
  return best;
}

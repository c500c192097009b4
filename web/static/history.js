// Draws the charts of the history with uPlot; without scripts their tables say the same.

const place = document.getElementById("charts");
const HEIGHT = 220;
const plots = [];

if (place) start();

async function start() {
  const answer = await fetch(place.dataset.url, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const history = await answer.json();
  const times = history.times.map((each) => Date.parse(each) / 1000);
  const draw = () => {
    plots.splice(0).forEach((plot) => plot.destroy());
    for (const chart of history.charts) {
      const target = place.querySelector(`[data-chart="${CSS.escape(chart.name)}"]`);
      if (target) plots.push(plotOf(chart, times, target));
    }
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  new ResizeObserver(() => {
    for (const plot of plots) plot.setSize({ width: plot.root.parentElement.clientWidth, height: HEIGHT });
  }).observe(place);
}

function plotOf(chart, times, target) {
  const style = getComputedStyle(target);
  const [soft, line] = [style.color, style.borderTopColor];
  const names = Object.keys(chart.series);
  const axis = { stroke: soft, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
  const options = {
    width: target.clientWidth,
    height: HEIGHT,
    cursor: { drag: { x: false, y: false } },
    legend: { live: true },
    scales: { y: { range: (plot, least, most) => [0, Math.max(1, most * 1.05)] } },
    axes: [axis, { ...axis, size: 62, values: (plot, ticks) => ticks.map((each) => each.toLocaleString("en")) }],
    series: [
      { label: "Until", value: (plot, at) => (at == null ? "" : new Date(at * 1000).toLocaleString()) },
      ...names.map((name, number) => ({
        label: name,
        stroke: colour(target, number),
        width: 2,
        dash: number >= 6 ? [6, 4] : [],
        points: { show: false },
        value: (plot, value) => value?.toLocaleString("en") ?? "–",
      })),
    ],
  };
  return new uPlot(options, [times, ...names.map((name) => chart.series[name])], target);
}

// The colour of a line, as the sheet of styles has it in light and dark.
function colour(target, number) {
  const probe = document.createElement("i");
  probe.className = `line hue-${(number * 5) % 12}`;
  target.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

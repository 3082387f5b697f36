// Draws plots anew with uPlot, which shows the value under the pointer. Without it, the page has the same as SVG.

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const language = document.documentElement.lang;
const day = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" });
const number = new Intl.NumberFormat(language);

function draw(figure) {
  const svg = figure.querySelector("svg");
  const range = figure.querySelector(".plot-range");
  const [days, counts] = JSON.parse(figure.dataset.plot);
  const times = days.map((each) => Date.parse(`${each}T00:00:00Z`) / 1000);
  const holder = document.createElement("div");
  holder.className = "plot-canvas";
  holder.setAttribute("aria-hidden", "true");
  const words = [...range.childNodes];
  const show = (plot) => {
    const at = plot.cursor.idx;
    if (at == null) range.replaceChildren(...words);
    else range.textContent = `${day.format(times[at] * 1000)}: ${number.format(counts[at])}`;
  };
  const options = () => ({
    width: figure.clientWidth,
    height: 60,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    axes: [{ show: false }, { show: false }],
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { show: false } },
    // Half a day on each side, so that the first and the last bar are whole.
    scales: { x: { range: (_plot, first, last) => [first - 43200, last + 43200] }, y: { range: (_plot, _least, most) => [0, Math.max(most, 1)] } },
    padding: [0, 0, 0, 0],
    series: [
      {},
      {
        fill: color("--brand"),
        stroke: color("--brand"),
        width: 0,
        points: { show: false },
        paths: uPlot.paths.bars({ size: [0.8, 100] }),
      },
    ],
    hooks: { setCursor: [show] },
  });
  let plot = new uPlot(options(), [times, counts], holder);
  // The picture stays for screen readers: it has the words, and the canvas has none.
  svg.classList.add("visually-hidden");
  svg.after(holder);
  new ResizeObserver(() => plot.setSize({ width: figure.clientWidth, height: 60 })).observe(figure);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    plot.destroy();
    plot = new uPlot(options(), [times, counts], holder);
  });
}

for (const figure of document.querySelectorAll("[data-plot]")) draw(figure);

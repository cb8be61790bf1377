// Draws the charts in place of their static pictures: in the colours of light or dark, and with the photo of the point
// under the pointer. Without this script, and on paper, the pictures stay.
const darkness = matchMedia("(prefers-color-scheme: dark)");
const hint = document.body.appendChild(element("div", "", {id: "hint", hidden: ""}));

function pointsOf({columns}) {
  const names = Object.keys(columns);
  return columns[names[0]].map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
}

// The specification with the colours for a dark ground, where there are such.
function recoloured(spec, dark) {
  return JSON.parse(JSON.stringify(spec), (_, value) => (darkness.matches && Object.hasOwn(dark, value) ? dark[value] : value));
}

function config(width) {
  const style = getComputedStyle(document.documentElement);
  const [ink, soft, line] = ["--ink", "--soft", "--line"].map((name) => style.getPropertyValue(name).trim());
  return {
    background: null,
    font: "system-ui, sans-serif",
    view: {stroke: null},
    axis: {labelColor: ink, titleColor: ink, gridColor: line, domainColor: soft, tickColor: soft, labelFontSize: 12,
      titleFontSize: 13, titleFontWeight: 400},
    legend: {labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12,
      symbolBaseFillColor: soft, symbolBaseStrokeColor: soft, columns: Math.max(1, Math.floor(width / 400)),
      labelLimit: Math.min(380, width - 40), layout: {bottom: {anchor: "start", direction: width < 600 ? "vertical" : "horizontal"}}},
  };
}

function showHint(_, event, item, values) {
  hint.hidden = !values;
  if (!values) return;
  const photo = DATA.photos[item.datum.image_row];
  hint.replaceChildren(...(photo ? [element("img", "", {src: photo, alt: ""})] : []),
    ...Object.entries(values).map(([name, value]) => element("p", `${name.replaceAll("_", " ")}: ${value}`)));
  const {width, height} = hint.getBoundingClientRect();
  const [x, y] = [event.clientX ?? event.touches[0].clientX, event.clientY ?? event.touches[0].clientY];
  hint.style.left = `${Math.max(4, x + 14 + width > innerWidth ? x - 14 - width : x + 14)}px`;
  hint.style.top = `${Math.max(4, Math.min(y + 14, innerHeight - height - 4))}px`;
}

async function drawChart(box) {
  const chart = DATA.charts[box.dataset.chart];
  box.parentElement.classList.add("charted");
  const height = chart.spec.height + (box.clientWidth < 600 ? 160 : 0); // on a phone, the legend is below in one column
  const spec = {...recoloured(chart.spec, chart.dark), height, description: box.dataset.description,
    datasets: {points: pointsOf(chart)}, autosize: {type: "fit", contains: "padding"}};
  const options = {actions: false, renderer: "svg", ast: true, config: config(box.clientWidth), tooltip: showHint};
  await window.vegaEmbed(box, spec, options);
  box.dataset.drawn = darkness.matches ? "dark" : "light";
}

const nearby = new IntersectionObserver((entries) => {
  for (const {isIntersecting, target} of entries) {
    if (!isIntersecting) continue;
    nearby.unobserve(target);
    drawChart(target);
  }
}, {rootMargin: "600px"});
const boxes = [...document.querySelectorAll("[data-chart]")];
boxes.forEach((box) => nearby.observe(box));
darkness.addEventListener("change", () => boxes.filter((box) => box.dataset.drawn).forEach(drawChart));

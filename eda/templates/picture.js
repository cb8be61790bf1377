// Draws the images of a finding with their boxes: those that the finding names in red, the others thin.
const FINDINGS = DATA.findings;
const MAX_NAMES = 12; // of boxes that the finding does not name: more would hide the photo
const SVG = "http://www.w3.org/2000/svg";

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// The photo, and what of the named boxes lies outside of it: left, top, width, height in pixels of the photo.
function view(image, named) {
  const [width, height] = image.size;
  const rects = [[0, 0, 0, width, height], ...named];
  const left = Math.min(...rects.map(([, x]) => x));
  const top = Math.min(...rects.map(([, , y]) => y));
  const right = Math.max(...rects.map(([, x, , w]) => x + w));
  const bottom = Math.max(...rects.map(([, , y, , h]) => y + h));
  return [left, top, right - left, bottom - top];
}

function outline(box, kind) {
  const [, x, y, width, height, label] = box;
  const group = shape("g", {class: kind});
  group.append(shape("title", {}));
  group.firstChild.textContent = DATA.classes[label];
  for (const part of ["halo", "line"]) group.append(shape("rect", {x, y, width, height, class: part}));
  return group;
}

function nameOf(box, kind, [left, top, width, height]) {
  const [, x, y, w, h, label] = box;
  const name = element("span", DATA.classes[label], {class: `name ${kind}`});
  const [from, to, above] = [(x - left) / width, (x + w - left) / width, (y - top) / height];
  if (from > 0.6) name.style.right = `${100 * Math.max(0, 1 - to)}%`;
  else name.style.left = `${100 * Math.max(0, from)}%`;
  if (above > 0.08) name.style.bottom = `${100 * (1 - above)}%`;
  else name.style.top = `${100 * Math.max(0, above)}%`;
  return name;
}

function countWords(boxes) {
  const counts = new Map();
  for (const [, , , , , label] of boxes) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].map(([label, count]) => `${DATA.classes[label]} × ${count}`).join(", ") || "none";
}

// A figure of one image; `rows` are the boxes that the finding names.
function picture(key, rows) {
  const image = DATA.images[key];
  const named = rows.map((row) => image.boxes.find(([other]) => other === row)).filter(Boolean);
  const others = image.boxes.filter((box) => !named.includes(box));
  const frame = view(image, named);
  const [left, top, width, height] = frame;
  const photo = DATA.photos[key];
  const words = named.length ? `named: ${countWords(named)}; other boxes: ${countWords(others)}`
    : `boxes: ${countWords(others)}`;
  const drawing = shape("svg", {viewBox: frame.join(" "), role: "img", preserveAspectRatio: "none"});
  drawing.setAttribute("aria-label", `${photo ? "Photo" : "Empty frame"} ${image.name}; ${words}`);
  const whole = {x: 0, y: 0, width: image.size[0], height: image.size[1]};
  drawing.append(shape("rect", {...whole, class: "empty"}));
  if (photo) drawing.append(shape("image", {...whole, href: photo, preserveAspectRatio: "none"}));
  drawing.append(...others.map((box) => outline(box, "other")));
  drawing.append(...named.map((box, i) => outline(box, i ? "named second" : "named")));
  const stage = element("div", "", {class: "stage"});
  stage.style.aspectRatio = `${width} / ${height}`;
  stage.style.width = `min(100%, ${(68 * width) / height}vh)`;
  stage.append(drawing);
  if (others.length <= MAX_NAMES) stage.append(...others.map((box) => nameOf(box, "other", frame)));
  stage.append(...named.map((box) => nameOf(box, "named", frame)));
  const figure = element("figure");
  const file = image.file && image.file !== image.name ? ` (${image.file})` : "";
  figure.append(stage, element("figcaption", `${image.name}${file}; ${words}${photo ? "" : "; photo not shown"}`));
  return figure;
}

// Fills the dialog with a finding, by its place in FINDINGS.
function fill(i) {
  const rule = DATA.rules[FINDINGS.rule[i]];
  const title = find("picture-title");
  title.replaceChildren(element("span", FINDINGS.severity[i], {class: FINDINGS.severity[i]}));
  title.append(` ${FINDINGS.number[i]}. ${rule.title}`);
  find("picture-message").textContent = FINDINGS.message[i];
  const keys = FINDINGS.images[i];
  find("frames").replaceChildren(...keys.map((key) => picture(key, FINDINGS.boxes[i])));
  const more = FINDINGS.images_in_all[i] - keys.length;
  find("picture-note").textContent = `${more ? `${more} more images are not shown. ` : ""}${rule.advice}`;
}
